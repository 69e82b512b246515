/**
 * An internet that ends at this machine: names of our own, two public addresses that lead to local servers, and
 * canaries, listeners on the loopback addresses that nobody may reach.
 */

import { once } from 'node:events';
import net, { type AddressInfo, type LookupFunction, type Socket } from 'node:net';
import tls from 'node:tls';
import { vi } from 'vitest';

export const PUBLIC_V4 = '93.184.215.14';
export const PUBLIC_V6 = '2606:2800:21f:cb07:6820:80da:af6b:8b2c';

/** What a server does with a request, which it gets as text. */
export type Answer = (socket: Socket, path: string, request: string) => void;

export interface LocalServer {
  port: number;
  requests: string[];
  /** Connections accepted, whether or not a request came. */
  accepted: number;
  /** Resolves when every connection has ended; those that have not after a second are an error. */
  allClosed(): Promise<void>;
  close(): Promise<void>;
}

/** A server that speaks no HTTP by itself, so that it can speak it wrongly. */
export async function startServer(answer: Answer, certificate?: { key: string; cert: string }): Promise<LocalServer> {
  const open = new Set<Socket>();
  const state = { requests: [] as string[], accepted: 0 };
  const serve = (socket: Socket) => {
    let request = '';
    socket.on('data', (data) => {
      request += data.toString('latin1');
      if (!request.endsWith('\r\n\r\n')) return;
      state.requests.push(request);
      answer(socket, /^GET (\S+) /.exec(request)?.[1] ?? '', request);
    });
  };
  const server = certificate ? tls.createServer(certificate, serve) : net.createServer(serve);
  server.on('connection', (socket) => {
    state.accepted++;
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  });
  server.on('secureConnection', (socket) => socket.on('error', () => {}));
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const allClosed = () =>
    vi.waitFor(() => void (open.size > 0 && neverClosed(open.size)), { timeout: 1000, interval: 5 });
  const close = async () => {
    for (const socket of open) socket.destroy();
    await once(server.close(), 'close');
  };
  return Object.assign(state, { port: (server.address() as AddressInfo).port, allClosed, close });
}

function neverClosed(count: number): never {
  throw new Error(`${count} connections are still open`);
}

/** An answer as text, with the body's length unless a length or an encoding of the transfer is given. */
export function reply(
  socket: Socket,
  status: number,
  headers: Record<string, string>,
  body: Uint8Array | string = '',
): void {
  const given = Object.keys(headers).some((name) => /^(content-length|transfer-encoding)$/i.test(name));
  const all = given ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} x\r\n${lines.join('')}\r\n`);
  socket.end(body);
}

export interface Canaries {
  port: number;
  /** The loopback addresses they listen on, ::1 only where this machine has IPv6. */
  addresses: string[];
  /** One line for each connection that reached one of them. */
  connections: string[];
  close(): Promise<void>;
}

export async function startCanaries(): Promise<Canaries> {
  const connections: string[] = [];
  const servers: net.Server[] = [];
  const addresses: string[] = [];
  let port = 0;
  for (const address of ['127.0.0.1', '::1']) {
    const server = net.createServer((socket) => {
      connections.push(`${address} from port ${socket.remotePort}`);
      socket.on('error', () => {}).destroy();
    });
    try {
      await once(server.listen(port, address), 'listening');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw cause;
      continue;
    }
    port = (server.address() as AddressInfo).port;
    servers.push(server);
    addresses.push(address);
  }
  const close = async () => {
    await Promise.all(servers.map((server) => once(server.close(), 'close')));
  };
  return { port, addresses, connections, close };
}

/** A lookup that knows these names; with several lists of addresses each call takes the next, the last one remains. */
export function names(table: Record<string, string[][]>) {
  return vi.fn(async (name: string) => {
    const answers = table[name];
    if (answers === undefined) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) as string[];
    return answer.map((address) => ({ address, family: net.isIPv6(address) ? 6 : 4 }));
  });
}

/**
 * From now on, connections to the public addresses go to 127.0.0.1; all others are as ever. Returns every address that
 * a socket was told to reach, before that change.
 */
export function routePublicAddresses(): { reached: string[]; restore(): void } {
  const reached: string[] = [];
  const lead = (address: string): string => {
    reached.push(address);
    return address === PUBLIC_V4 || address === PUBLIC_V6 ? '127.0.0.1' : address;
  };
  const real = net.Socket.prototype.connect;
  const spy = vi.spyOn(net.Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args: unknown[]) {
    const first = Array.isArray(args[0]) ? args[0][0] : args[0];
    const options = first as { host: string; lookup?: LookupFunction };
    const { lookup } = options;
    if (net.isIP(options.host) > 0) options.host = lead(options.host);
    else if (lookup === undefined) reached.push(`whatever ${options.host} is`);
    else {
      options.lookup = (name, how, done) =>
        lookup(name, how, (error, found, family) => {
          if (!Array.isArray(found)) return done(error, lead(found), family);
          const led = found.map(({ address }) => lead(address));
          return done(
            error,
            led.map((address) => ({ address, family: net.isIP(address) })),
          );
        });
    }
    return real.apply(this, args as never);
  });
  return { reached, restore: () => spy.mockRestore() };
}
