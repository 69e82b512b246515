/** Which addresses a download may reach: a hub of the internet must not lead us into the network that we stand in. */

import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { show } from '../check.js';
import { ConnectionError } from '../errors.js';
import { isPublicAddress } from '../net/address-guard.js';

export type NameLookup = (name: string, done: (error: Error | null, addresses: LookupAddress[]) => void) => void;

const ofSystem: NameLookup = (name, done) =>
  systemLookup(name, { all: true }, (error, addresses) => done(error, addresses ?? []));

/**
 * The hub itself may be anywhere, since the user names it. Where it leads to must be public, unless the hub is not.
 * Through a proxy, names are its business, and only addresses are looked at here.
 */
export class AddressRule {
  readonly #hub: string;
  readonly #lookup: NameLookup;
  #isHubPrivate: boolean;

  constructor(endpoint: URL, lookup: NameLookup = ofSystem) {
    this.#hub = hostOf(endpoint);
    this.#lookup = lookup;
    this.#isHubPrivate = isIP(this.#hub) > 0 && !isPublicAddress(this.#hub);
  }

  /** Before a connection: a host that is an address. @throws ConnectionError */
  check(url: URL): void {
    const host = hostOf(url);
    if (isIP(host) > 0) this.#refuse(host, [host]);
  }

  /** While connecting: what a name means, all of its addresses allowed. */
  readonly lookup: LookupFunction = (name, { all }, done) => {
    this.#lookup(name, (error, addresses) => {
      try {
        if (error !== null) throw error;
        const [first] = addresses;
        if (first === undefined) throw new Error(`${name} has no address`);
        this.#learn(name, addresses);
        this.#refuse(
          name,
          addresses.map(({ address }) => address),
        );
        if (all) done(null, addresses);
        else done(null, first.address, first.family);
      } catch (refused) {
        done(refused as Error, []);
      }
    });
  };

  #learn(name: string, addresses: readonly LookupAddress[]): void {
    if (name === this.#hub) this.#isHubPrivate = addresses.some(({ address }) => !isPublicAddress(address));
  }

  #refuse(host: string, addresses: readonly string[]): void {
    if (host === this.#hub || this.#isHubPrivate) return;
    const hidden = addresses.find((address) => !isPublicAddress(address));
    if (hidden === undefined) return;
    throw new ConnectionError(
      `The hub leads to ${show(host)}, whose address ${hidden} is not a public one; nothing is downloaded from there`,
    );
  }
}

/** Without the brackets of an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}
