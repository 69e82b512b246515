/** A proxy on this machine that knows where names of our own lead: by CONNECT, and by whole addresses in requests. */

import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

export interface ProxyServer {
  url: string;
  /** Hosts that were asked for. */
  asked: string[];
  close(): void;
}

/** @param places port of this machine by "name:port" */
export async function startProxy(places: Record<string, number>): Promise<ProxyServer> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const { host, port, pathname, search } = new URL(request.url ?? '');
    asked.push(host);
    const target = places[host] ?? Number(port);
    const onward = http.request({ port: target, host: '127.0.0.1', path: pathname + search, headers: request.headers });
    onward.on('error', () => response.destroy());
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.end();
  });
  server.on('connect', (request, socket, head) => {
    const name = request.url ?? '';
    asked.push(name);
    const place = places[name] ?? places[name.replace(/:80$/, '')];
    if (place === undefined) return void socket.end('HTTP/1.1 502 x\r\n\r\n');
    const onward = net.connect(place, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 x\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, asked, close };
}
