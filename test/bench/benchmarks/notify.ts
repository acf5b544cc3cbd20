import { setTimeout as sleep } from 'node:timers/promises';
import { measureDecisionPasses } from '../../../libs/dispatch/bench/decision-pass.ts';
import type { BenchContext } from '../bench-context.ts';
import type { Contender } from '../contender.ts';
import { limitFinding, percentile, plain } from '../report.ts';
import { Webhook } from '../webhook.ts';

const RECEIVERS = 10;
const ALERT_EVERY_MS = 25;
const GIVE_UP_MS = 120_000;
const PASSES = 9;

/**
 * Notifications of the engine alone: how fast one goes out, how many at once, and what a receiver that never answers does to
 * the others. The webhooks live in this process and take their share of the machine.
 */
export async function notifyBenchmark(context: BenchContext): Promise<void> {
  decide(context);
  const engine = await context.startEngine();
  const arrivals = new Map<string, number>();
  const hooks = await Promise.all(
    Array.from({ length: RECEIVERS }, (_, i) =>
      Webhook.start(({ labels }, timeMs) => arrivals.set(`${labels['alertname']} ${i}`, timeMs)),
    ),
  );
  const hanging = await Webhook.start(() => {}, true);
  try {
    const receivers = hooks.map(({ url }, i) => ({ name: `fast${i}`, url }));
    await configure(engine, receivers.slice(0, 1));
    const count = context.isQuick ? 200 : 1_000;
    await singly(engine, arrivals, 'warm', 100);
    const alone = await singly(engine, arrivals, 'alone', count);
    const stuck = { name: 'hanging', url: hanging.url };
    await configure(engine, [...receivers.slice(0, 1), stuck]);
    const beside = await singly(engine, arrivals, 'beside', count);
    const p99 = percentile(beside, 0.99) - percentile(alone, 0.99);
    context.add(
      limitFinding(
        'notify',
        'alert posted to first byte at the webhook, p99, group_wait 0s',
        200,
        percentile(alone, 0.99),
        'ms',
        `${count} alerts, one every ${ALERT_EVERY_MS} ms: p50 ${plain(percentile(alone, 0.5))}, max ${plain(Math.max(...alone))} ms`,
      ),
      limitFinding(
        'notify',
        'later beside a receiver that hangs, p99',
        100,
        p99,
        'ms',
        `p50 ${plain(percentile(beside, 0.5))}, p99 ${plain(percentile(beside, 0.99))}, max ${plain(Math.max(...beside))} ms; ${hanging.count} messages hang`,
      ),
    );
    await configure(engine, receivers);
    const groups = context.isQuick ? 500 : 2_000;
    const seconds = await atOnce(engine, hooks, groups);
    const total = groups * RECEIVERS;
    context.add({
      benchmark: 'notify',
      what: `notifications a second to ${RECEIVERS} fast webhooks`,
      asked: '>= 1000 /s',
      isMet: total / seconds >= 1_000,
      measured: `${plain(total / seconds)} /s`,
      detail: `${groups} groups posted at once, ${total} notifications in ${plain(seconds)} s`,
    });
  } finally {
    await Promise.all([...hooks, hanging].map((hook) => hook.stop()));
    await engine.stop();
  }
}

const median = (values: readonly number[]): number => percentile(values, 0.5);

/** The pure part, in this process. */
function decide(context: BenchContext): void {
  const passes = Array.from({ length: PASSES }, measureDecisionPasses);
  const announce = median(passes.map((pass) => pass.announce));
  context.add(
    limitFinding(
      'notify',
      'decision pass, 10000 alerts in 1000 groups, all due',
      20,
      median(passes.map(({ allDue }) => allDue)),
      'ms',
      `time of the thread, median of ${PASSES}; ${plain(announce)} ms where all are announced, ${plain(median(passes.map(({ noneDue }) => noneDue)))} ms where none is due`,
    ),
  );
}

/** Posts alerts one after the other, each a group of its own. @returns how long each took to the webhook, in ms */
async function singly(
  engine: Contender,
  arrivals: ReadonlyMap<string, number>,
  prefix: string,
  count: number,
): Promise<number[]> {
  const startedMs: number[] = [];
  const posts: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    startedMs.push(performance.now());
    posts.push(post(engine, [`${prefix}${i}`]));
    await sleep(ALERT_EVERY_MS);
  }
  await Promise.all(posts);
  const delays: number[] = [];
  for (const [i, startMs] of startedMs.entries()) {
    const key = `${prefix}${i} 0`;
    await until(`alert ${key}`, () => arrivals.has(key));
    delays.push(arrivals.get(key)! - startMs);
  }
  return delays;
}

/** Posts alerts in one request, each a group of its own. @returns seconds until every webhook has all of them */
async function atOnce(
  engine: Contender,
  hooks: readonly Webhook[],
  groups: number,
): Promise<number> {
  // Whoever gets another configuration is told again of what fires; that is to be over before.
  const countAll = (): number => hooks.reduce((sum, { count }) => sum + count, 0);
  for (let last = -1; last < countAll();) {
    last = countAll();
    await sleep(2_000);
  }
  const before = countAll();
  const startMs = performance.now();
  await post(
    engine,
    Array.from({ length: groups }, (_, i) => `many${i}`),
  );
  const wanted = before + groups * hooks.length;
  await until('all notifications', () => countAll() >= wanted);
  return (performance.now() - startMs) / 1_000;
}

async function post(engine: Contender, names: readonly string[]): Promise<void> {
  const endsAt = new Date(Date.now() + 3_600_000).toISOString();
  const alerts = names.map((alertname) => ({
    labels: { alertname, namespace: 'bench', severity: 'warning' },
    annotations: { summary: `${alertname} is not well` },
    endsAt,
  }));
  const response = await fetch(`${engine.url}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alerts),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`alerts are not taken: ${response.status} ${text}`);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + GIVE_UP_MS; performance.now() < end; await sleep(5)) {
    if (holds()) return;
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Every receiver is told of everything. */
async function configure(
  engine: Contender,
  receivers: readonly { readonly name: string; readonly url: string }[],
): Promise<void> {
  const config = {
    route: {
      receiver: receivers[0]!.name,
      group_by: ['alertname'],
      group_wait: '0s',
      group_interval: '5m',
      repeat_interval: '4h',
      routes: receivers.map(({ name }) => ({ receiver: name, continue: true })),
    },
    receivers: receivers.map(({ name, url }) => ({
      name,
      webhook_configs: [{ url, timeout: '10m' }],
    })),
  };
  await engine.useConfig(
    { alertmanager_config: 'alertmanager.json' },
    { 'alertmanager.json': JSON.stringify(config) },
  );
}
