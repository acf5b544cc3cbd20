import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Labels } from '#libs/labels';
import { compressBlock, wholeBatch, WriteEncoder } from '#libs/remote-write';
import { SampleBatchBuilder } from '#libs/samples';
import type { BenchContext } from '../bench-context.ts';
import { SCRAPE_MS } from '../cluster.ts';
import type { Contender } from '../contender.ts';
import { limitFinding, percentile, plain } from '../report.ts';
import { ruleFile } from '../rule-set.ts';

const TARGETS = 25;
/** More than the second in which a group reacts once at most. */
const FLIP_EVERY_MS = 1_250;
const GIVE_UP_MS = 60_000;

interface RuleFileJson {
  readonly groups: readonly object[];
}

interface Notification {
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
}

/**
 * How long it takes from a sample that is sent to the first byte at a webhook, with 500 other rules at work: a probe of one of
 * many targets fails every 1.25 s. What is asked is the way to the dispatcher; here it is all the way.
 */
export async function reactBenchmark(context: BenchContext): Promise<void> {
  const { ours, seriesCount } = await context.cluster();
  const hook = new Webhook();
  await hook.listen();
  try {
    const rules = JSON.parse(ruleFile(SCRAPE_MS / 1_000)) as RuleFileJson;
    const alert = { alert: 'BenchProbe', expr: 'probe_success{job="bench"} == 0' };
    const groups = [...rules.groups, { name: 'life', interval: '1h', rules: [alert] }];
    await ours.useRules(JSON.stringify({ groups }));
    await ours.useConfig(
      { alertmanager_config: 'alertmanager.json' },
      { 'alertmanager.json': alertmanagerConfig(hook.url) },
    );
    const targets = context.isQuick ? TARGETS : 4 * TARGETS;
    for (let target = 0; target < targets; target++) await write(ours, target, 1);
    await sleep(2 * SCRAPE_MS);
    const delays = await failures(context, ours, hook, targets);
    const what = `sample sent to webhook called, p99, 501 rules, ${seriesCount} series`;
    const detail = `${delays.length} failures, p50 ${plain(percentile(delays, 0.5))}, max ${plain(Math.max(...delays))} ms`;
    context.add(limitFinding('react', what, 100, percentile(delays, 0.99), 'ms', detail));
  } finally {
    await hook.close();
  }
}

/**
 * Each target fails once: what comes later in a group that was told of waits for its interval, which is no matter of speed.
 * @returns the delays in milliseconds
 */
async function failures(
  context: BenchContext,
  ours: Contender,
  hook: Webhook,
  targets: number,
): Promise<number[]> {
  const delays: number[] = [];
  context.say(`${targets} probes fail, one after the other …`);
  for (let target = 0; target < targets; target++) {
    const startedMs = performance.now();
    const called = hook.next('firing', target);
    await write(ours, target, 0);
    delays.push((await called) - startedMs);
    await sleep(Math.max(0, FLIP_EVERY_MS - (performance.now() - startedMs)));
  }
  return delays;
}

function alertmanagerConfig(url: string): string {
  return JSON.stringify({
    route: {
      receiver: 'hook',
      group_by: ['...'],
      group_wait: '0s',
      group_interval: '1s',
      repeat_interval: '4h',
    },
    receivers: [{ name: 'hook', webhook_configs: [{ url, send_resolved: true }] }],
  });
}

const encoder = new WriteEncoder('prometheus.WriteRequest');

async function write(contender: Contender, target: number, value: number): Promise<void> {
  const builder = new SampleBatchBuilder();
  builder.addSeries(
    Labels.fromRecord({ __name__: 'probe_success', job: 'bench', instance: String(target) }),
  );
  builder.addSample(Date.now(), value);
  const response = await fetch(contender.writeUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
    body: compressBlock(encoder.encode([wholeBatch(builder.take())])),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the probe's result is not taken: ${response.status} ${text}`);
}

/** Takes notifications and tells when one of a target arrived. */
class Webhook {
  readonly #server: Server;
  readonly #waiting = new Map<string, (timeMs: number) => void>();

  constructor() {
    this.#server = createServer((request, response) => {
      const timeMs = performance.now();
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (part: string) => (text += part));
      request.once('end', () => {
        response.end();
        for (const { status, labels } of (JSON.parse(text) as Notification).alerts) {
          const key = `${status} ${labels['instance']}`;
          this.#waiting.get(key)?.(timeMs);
          this.#waiting.delete(key);
        }
      });
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** By `performance.now()`, when the next notification of that kind came. */
  next(status: string, target: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${status} notification of target ${target}`)),
        GIVE_UP_MS,
      );
      this.#waiting.set(`${status} ${target}`, (timeMs) => {
        clearTimeout(timer);
        resolve(timeMs);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
