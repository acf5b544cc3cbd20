import { Disk, RuleWorld } from '../src/testing/rule-world.ts';

/** Milliseconds of one awaited call, and the longest the event loop waited meanwhile. */
async function timed(body: () => Promise<void>): Promise<string> {
  const startedMs = performance.now();
  await body();
  return `${(performance.now() - startedMs).toFixed(0)} ms`;
}

const ALERTS = 50_000;

async function manyAlerts(): Promise<void> {
  const world = new RuleWorld(new Disk());
  world.feed(
    Array.from({ length: ALERTS }, (_, i) => ({
      series: `up{instance="host-${i}",job="node",zone="z${i % 7}"}`,
      values: '0x3',
    })),
  );
  await world.load(`
groups:
- name: g
  rules:
  - alert: Down
    expr: up == 0
    labels: {severity: page}
    annotations: {summary: '{{ $labels.instance }} of {{ $labels.job }} is down ({{ $value }})'}
`);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  console.log(`${ALERTS} alerts begin to fire:`, await timed(() => world.round(0)));
  console.log(`${ALERTS} alerts fire on:`, await timed(() => world.round(60_000)));
  world.sent.length = 0;
  world.disk.changes.length = 0;
  globalThis.gc?.();
  const bytes = (process.memoryUsage().heapUsed - before) / ALERTS;
  console.log(`bytes per alert, its series and its state on disk included: ${bytes.toFixed(0)}`);
}

async function manyRules(): Promise<void> {
  const world = new RuleWorld(new Disk());
  world.feed(
    Array.from({ length: 1_000 }, (_, i) => ({
      series: `x{instance="i${i}",job="j${i % 10}"}`,
      values: '0+1x3',
    })),
  );
  const rules = Array.from(
    { length: 500 },
    (_, i) => `  - {record: 'r:${i}', expr: 'sum by (job) (x) + ${i}'}`,
  );
  await world.load(`groups:\n- name: g\n  rules:\n${rules.join('\n')}\n`);
  await world.round(0);
  console.log('500 recording rules over 1,000 series:', await timed(() => world.round(60_000)));
}

await manyAlerts();
await manyRules();
