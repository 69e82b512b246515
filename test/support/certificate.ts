/** A self-signed X.509 certificate (RFC 5280), written by hand: Node signs, but makes no certificates. */

import { generateKeyPairSync, sign } from 'node:crypto';

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const time = (at: number) =>
  der(0x18, Buffer.from(`${new Date(at).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`, 'latin1'));

const ECDSA_WITH_SHA256 = sequence(bytes('06082a8648ce3d040302'));
const COMMON_NAME = bytes('0603550403');
const SUBJECT_ALT_NAME = bytes('0603551d11');
const DAY = 86_400_000;

/** For a day, for one DNS name. PEM. */
export function selfSignedCertificate(name: string): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const who = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(name)))));
  const altNames = sequence(der(0x82, Buffer.from(name)));
  const body = sequence(
    der(0xa0, bytes('020102')), // version 3
    bytes('020101'), // serial number
    ECDSA_WITH_SHA256,
    who,
    sequence(time(Date.now() - DAY), time(Date.now() + DAY)),
    who,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(sequence(SUBJECT_ALT_NAME, der(0x04, altNames)))),
  );
  const signature = der(0x03, bytes('00'), sign('sha256', body, privateKey));
  const whole = sequence(body, ECDSA_WITH_SHA256, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${whole}\n-----END CERTIFICATE-----\n`,
  };
}
