// A server that answers as an API server would, as fast as Node can: what the client costs shows against it.
// Runs as a child process; sends its port, and counts connections at /connections.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pod } from './pods.ts';

const objects = Number(process.argv[2] ?? 0);
const one = JSON.stringify({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', namespace: 'd' },
  data: { a: '1' },
});
const items = Array.from({ length: objects }, (_, i) => pod(i));
let connections = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://server');
  response.setHeader('content-type', 'application/json');
  if (url.pathname === '/connections') {
    response.end(JSON.stringify({ connections }));
  } else if (!url.pathname.endsWith('/pods')) {
    response.end(one);
  } else if (url.searchParams.get('watch') === 'true') {
    response.flushHeaders();
  } else {
    const from = Number(url.searchParams.get('continue') ?? 0);
    const limit = Number(url.searchParams.get('limit') ?? objects);
    const next = from + limit;
    const metadata = { resourceVersion: '1000000', ...(next < objects ? { continue: String(next) } : {}) };
    response.end(
      JSON.stringify({ apiVersion: 'v1', kind: 'PodList', metadata, items: items.slice(from, next) }),
    );
  }
});
server.on('connection', () => connections++);
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
