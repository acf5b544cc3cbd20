/*
 * The stand-in API server as a process: `node --conditions=repo-source test/kube/api-server.process.ts
 * [--listen HOST:PORT] [--token TOKEN] [FILE.json…]`, each file one object or a list of them. It prints its address.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KubeApiServer } from './api-server.ts';
import type { StoredObject } from './selectors.ts';

const { values, positionals } = parseArgs({
  options: {
    listen: { type: 'string', default: '127.0.0.1:0' },
    token: { type: 'string', default: '' },
  },
  allowPositionals: true,
});

const server = new KubeApiServer();
server.token = values.token;
for (const file of positionals) {
  const json = JSON.parse(readFileSync(file, 'utf8')) as StoredObject | { items: StoredObject[] };
  for (const object of 'items' in json ? (json.items as StoredObject[]) : [json])
    server.put(object);
}
const [host, port] = values.listen.split(':');
const address = await server.listen(host, Number(port));
process.stdout.write(`${address}\n`);
process.on('SIGTERM', () => {
  void server.close();
});
