/*
 * The stand-in API server as a process: `node --conditions=repo-source test/kube/api-server.process.ts
 * [--listen HOST:PORT] [--token TOKEN] [--pods N --nodes N] [FILE.json…]`, each file one object or a list of them. With
 * `--pods` the pods among them become so many, spread over nodes called `node-0` and so on. It prints its address.
 *
 * A parent process with a channel to it may send `{ put: OBJECT }`, `{ touch: N }` (the N-th of the many pods changes) and
 * `{ expire: true }` (every watch breaks, and what happened is forgotten).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KubeApiServer } from './api-server.ts';
import { manyPods } from './kube-objects.ts';
import type { StoredObject } from './selectors.ts';

const { values, positionals } = parseArgs({
  options: {
    listen: { type: 'string', default: '127.0.0.1:0' },
    token: { type: 'string', default: '' },
    pods: { type: 'string', default: '0' },
    nodes: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});

const server = new KubeApiServer();
server.token = values.token;
const objects = positionals.flatMap((file) => {
  const json = JSON.parse(readFileSync(file, 'utf8')) as StoredObject | { items: StoredObject[] };
  return 'items' in json ? (json.items as StoredObject[]) : [json];
});
const podCount = Number(values.pods);
const isTemplate = ({ kind }: StoredObject): boolean => podCount > 0 && kind === 'Pod';
const templates = objects.filter(isTemplate);
const pods = manyPods(templates, { pods: podCount, nodes: Number(values.nodes) });
for (const object of [...objects.filter((one) => !isTemplate(one)), ...pods]) server.put(object);
// Nobody watches from before there was anything.
server.store.compact();

process.on('message', (said: { put?: StoredObject; touch?: number; expire?: boolean }) => {
  if (said.put !== undefined) server.put(said.put);
  if (said.touch !== undefined) server.put(pods[said.touch]!);
  if (said.expire === true) {
    server.breakWatches();
    server.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'expired' } });
    server.store.compact();
  }
});
const [host, port] = values.listen.split(':');
const address = await server.listen(host, Number(port));
process.stdout.write(`${address}\n`);
process.on('SIGTERM', () => {
  void server.close().then(() => process.exit(0));
});
