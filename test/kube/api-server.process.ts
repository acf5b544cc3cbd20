/*
 * The stand-in API server as a process: `node --conditions=repo-source test/kube/api-server.process.ts
 * [--listen HOST:PORT] [--token TOKEN] [--pods N --nodes N [--workloads N]] [FILE.json…]`, each file one object or a list of
 * them. With `--pods` the pods among them become so many, spread over nodes called `node-0` and so on; with `--workloads` there
 * are these nodes, and so many services, deployments and so on, in place of the given ones. It prints its address.
 *
 * A parent process with a channel to it may send `{ put: OBJECT }`, `{ touch: N }` (the N-th of the many pods changes) and
 * `{ expire: true }` (every watch breaks, and what happened is forgotten).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { KubeApiServer } from './api-server.ts';
import { manyPods } from './kube-objects.ts';
import { manyObjects } from './many-objects.ts';
import type { StoredObject } from './selectors.ts';

const { values, positionals } = parseArgs({
  options: {
    listen: { type: 'string', default: '127.0.0.1:0' },
    token: { type: 'string', default: '' },
    pods: { type: 'string', default: '0' },
    nodes: { type: 'string', default: '1' },
    workloads: { type: 'string', default: '0' },
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
const workloads = Number(values.workloads);
const isTemplate = ({ kind }: StoredObject): boolean =>
  kind === 'Pod' ? podCount > 0 : workloads > 0;
const templates = objects.filter(isTemplate);
const nodes = Number(values.nodes);
const pods = manyPods(
  templates.filter(({ kind }) => kind === 'Pod'),
  { pods: podCount, nodes },
);
for (const object of objects) if (!isTemplate(object)) server.put(object);
for (const object of pods) server.put(object);
if (workloads > 0) for (const one of manyObjects(templates, { nodes, workloads })) server.put(one);
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
