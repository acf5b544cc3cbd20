/*
 * From a pod's readiness at the API server to `kube_pod_status_ready` in the engine, through built apps as processes and
 * the stand-in API server, with 110 pods on the node. Node's own loop: build first, then
 * `node --conditions=repo-source test/bench/readiness.bench.ts [FLIPS]`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import { startBuiltApp } from '../support/built-app.ts';
import { eventually } from '../support/processes.ts';

const FLIPS = Number(process.argv[2] ?? 200);
const PODS = 110;

const folder = await mkdtemp(join(tmpdir(), 'readiness-'));
const server = new KubeApiServer();
const apiServer = await server.listen();
for (let i = 0; i < PODS; i++) server.put(podObject(`pod-${i}`, { node: 'n1' }));
const engineConfig = join(folder, 'engine.yml');
const collectorConfig = join(folder, 'collector.yml');
await writeFile(engineConfig, '{}\n');
const engine = await startBuiltApp('alert-engine', engineConfig, join(folder, 'engine'));
await writeFile(
  collectorConfig,
  `outputs: {remote_write: [{url: "${engine.url}/api/v1/write"}]}
kubernetes: {api_server: "${apiServer}", node_name: n1}
`,
);
const collector = await startBuiltApp('collector', collectorConfig, join(folder, 'collector'));

async function isReady(pod: string): Promise<string | undefined> {
  const query = `kube_pod_status_ready{pod="${pod}",condition="true"}`;
  const url = `${engine.url}/api/v1/query?query=${encodeURIComponent(query)}`;
  const answer = (await fetch(url).then((response) => response.json())) as {
    data: { result: { value: [number, string] }[] };
  };
  return answer.data.result[0]?.value[1];
}

try {
  await eventually('the pods to be told', async () =>
    (await isReady(`pod-${PODS - 1}`)) === '1' ? true : null,
  );
  const latencies: number[] = [];
  for (let i = 0; i < FLIPS; i++) {
    const pod = `pod-${i % PODS}`;
    const willBeReady = Math.floor(i / PODS) % 2 === 1;
    const startedMs = performance.now();
    server.put(podObject(pod, { node: 'n1', isReady: willBeReady }));
    while ((await isReady(pod)) !== (willBeReady ? '1' : '0')) {
      await new Promise((resolve) => {
        setTimeout(resolve, 2);
      });
    }
    latencies.push(performance.now() - startedMs);
  }
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(0);
  process.stdout.write(
    `readiness to engine, ${FLIPS} flips: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms\n`,
  );
} finally {
  await collector.process.stop('SIGTERM');
  await engine.process.stop('SIGTERM');
  await server.close();
  await rm(folder, { recursive: true });
}
