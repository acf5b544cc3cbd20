import { mkdir } from 'node:fs/promises';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FluentServer } from '@fluent-org/logger';
import { KubeApiServer } from '../../kube/api-server.ts';
import { podObject } from '../../kube/kube-objects.ts';
import type { BenchContext } from '../bench-context.ts';
import { limitFinding, plain } from '../report.ts';
import { TargetFleet } from '../target-fleet.ts';
import { WriteSink } from '../write-sink.ts';

const PODS = 110;
const SERIES = 15_000;
/** What the collector itself tells of these pods and of the machine; the rest is scraped. */
const OWN_SERIES = 5_000;
const LOG_BYTES_PER_SECOND = 1_000_000;
const TURN_MS = 100;
const WARM_UP_MS = 60_000;
const SENT = 'prometheus_remote_storage_samples_total';
const LINES = 'binnacle_log_lines_total';

/** A full node: pods to scrape and to tell the state of, the machine's own metrics, and logs that are counted and forwarded. */
export async function nodeBenchmark(context: BenchContext): Promise<void> {
  const seconds = context.isQuick ? 60 : 180;
  const fleet = await TargetFleet.start(PODS, Math.round((SERIES - OWN_SERIES) / PODS));
  const sink = await WriteSink.start();
  const kube = new KubeApiServer();
  const apiServer = await kube.listen();
  fleet.ports.forEach((port, i) => kube.put(podOf(i, port)));
  const fluentd = new FluentServer({ listenOptions: { port: 0, host: '127.0.0.1' } });
  await fluentd.listen();
  const address = { port: fluentd.port! };
  const folder = join(context.nextFolder(), 'pods');
  const logs = await PodLogs.open(folder);
  try {
    const ours = await context.startCollector({
      kubernetes: { api_server: apiServer, node_name: 'node-1' },
      logs: { files: [{ name: 'pods', include: [`${folder}/*.log`], format: 'cri' }] },
      outputs: {
        remote_write: [{ url: sink.url }],
        fluentd: [{ host: '127.0.0.1', port: address.port }],
      },
    });
    logs.start();
    context.say(`${PODS} pods, ${plain(LOG_BYTES_PER_SECOND / 1e6)} MB/s of logs, ${seconds} s …`);
    await sleep(WARM_UP_MS);
    const [cpuBefore, samplesBefore, linesBefore] = await Promise.all([
      ours.cpuSeconds(),
      ours.metric(SENT),
      ours.metric(LINES),
    ]);
    let highest = 0;
    const startedMs = performance.now();
    while (performance.now() - startedMs < seconds * 1_000) {
      await sleep(1_000);
      highest = Math.max(highest, await ours.residentBytes());
    }
    const elapsed = (performance.now() - startedMs) / 1_000;
    const cores = ((await ours.cpuSeconds()) - cpuBefore) / elapsed;
    const samples = (await ours.metric(SENT)) - samplesBefore;
    const lines = (await ours.metric(LINES)) - linesBefore;
    const heap = (await ours.metric('nodejs_heap_size_used_bytes')) / 2 ** 20;
    const total = (await ours.metric('nodejs_heap_size_total_bytes')) / 2 ** 20;
    const external = (await ours.metric('nodejs_external_memory_bytes')) / 2 ** 20;
    const detail = `heap ${plain(heap)} of ${plain(total)} MiB, outside of it ${plain(external)} MiB`;
    const what = `a node with ${PODS} pods, ${plain((samples / elapsed) * 15)} series at 15 s, ${plain(lines / elapsed)} log lines a second`;
    context.add(
      limitFinding(
        'node',
        `highest resident memory, ${what}`,
        150,
        highest / 2 ** 20,
        'MiB',
        detail,
      ),
      limitFinding('node', `CPU, ${what}`, 0.1, cores, 'cores'),
    );
    await ours.stop();
  } finally {
    await logs.close();
    await fluentd.close();
    await kube.close();
    sink.close();
    fleet.close();
  }
}

function podOf(i: number, port: number): ReturnType<typeof podObject> {
  return podObject(`app-${i}-5d8f7c9b4-x${i}`, {
    node: 'node-1',
    namespace: `team-${i % 10}`,
    ip: '127.0.0.1',
    port,
    labels: { app: `app-${i}`, 'app.kubernetes.io/name': `app-${i}` },
    annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(port) },
  });
}

/** One file for each pod, written to in turn in the form of container runtimes. */
class PodLogs {
  readonly #files: readonly FileHandle[];
  #timer: NodeJS.Timeout | null = null;
  #turn = 0;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(files: readonly FileHandle[]) {
    this.#files = files;
  }

  static async open(folder: string): Promise<PodLogs> {
    await mkdir(folder, { recursive: true });
    const names = Array.from({ length: PODS }, (_, i) => join(folder, `app-${i}.log`));
    return new PodLogs(await Promise.all(names.map((name) => open(name, 'a'))));
  }

  start(): void {
    this.#timer = setInterval(() => {
      // A third of the pods in each turn, so that each is heard of several times a second.
      const chosen = this.#files.filter((_, i) => i % 3 === this.#turn % 3);
      this.#turn++;
      const each = (LOG_BYTES_PER_SECOND * TURN_MS) / 1_000 / chosen.length;
      this.#writing = Promise.all(chosen.map((file) => file.appendFile(linesOf(each))));
    }, TURN_MS);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#writing;
    for (const file of this.#files) await file.close();
  }
}

function linesOf(bytes: number): string {
  const time = new Date().toISOString().replace('Z', '123456Z');
  let text = '';
  for (let i = 0; text.length < bytes; i++) {
    const level = i % 50 === 0 ? 'error' : 'info';
    text += `${time} stdout F {"level":"${level}","msg":"request served","path":"/api/v1/items/${i}","status":200,"took_ms":12.5}\n`;
  }
  return text;
}
