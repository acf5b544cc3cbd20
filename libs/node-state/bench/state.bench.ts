/*
 * The state of 100,000 alerts written at once and read, and small writes one after the other and many at a time: SQLite, and
 * a PostgreSQL where STATE_URL names one. Run with --conditions=repo-source.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  postgresConfigSchema,
  PostgresStateStore,
  SqliteStateStore,
  type StateChange,
  type StateStore,
} from '#libs/node-state';

const ALERTS = 100_000;
const SMALL = 2_000;
const AT_ONCE = 50;

const changeOf = (i: number): StateChange => ({
  area: 'rules.alerts',
  key: JSON.stringify(['group;PodNotReady', `{namespace="team-${i % 50}", pod="web-${i}"}`]),
  value: JSON.stringify({
    labels: {
      alertname: 'PodNotReady',
      namespace: `team-${i % 50}`,
      pod: `web-${i}`,
      severity: 'warning',
    },
    annotations: {
      summary: `Pod team-${i % 50}/web-${i} is not ready`,
      runbook_url: 'docs/runbooks/PodNotReady.md',
    },
    state: { kind: 'firing', sinceMs: 1_700_000_000_000 + i, missingSinceMs: null },
    value: 0,
  }),
});

async function timed(
  what: string,
  work: () => Promise<unknown>,
  unit = 'ms',
  count = 1,
): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startMs = performance.now();
  await work();
  const tookMs = performance.now() - startMs;
  delay.disable();
  const figure =
    unit === 'ms' ? `${tookMs.toFixed(0)} ms` : `${((count / tookMs) * 1000).toFixed(0)} ${unit}`;
  console.log(
    `  ${what}: ${figure}, event loop held up for ${(delay.max / 1e6).toFixed(0)} ms at most`,
  );
}

async function measure(name: string, store: StateStore): Promise<void> {
  console.log(name);
  await store.load('rules.alerts');
  const all = Array.from({ length: ALERTS }, (_, i) => changeOf(i));
  await timed(`${ALERTS} alerts written at once`, () => store.apply(all));
  await timed(`${ALERTS} alerts written again`, () => store.apply(all));
  await timed(`${ALERTS} alerts read`, () => store.load('rules.alerts'));
  await timed(
    'one after the other',
    async () => {
      for (let i = 0; i < SMALL; i++) await store.apply([changeOf(i)]);
    },
    'writes/s',
    SMALL,
  );
  await timed(
    `${AT_ONCE} at a time`,
    async () => {
      for (let i = 0; i < SMALL * 10; i += AT_ONCE) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, (_, j) => store.apply([changeOf(i + j)])),
        );
      }
    },
    'writes/s',
    SMALL * 10,
  );
  await store.close();
}

const folder = mkdtempSync(join(tmpdir(), 'binnacle-state-bench-'));
await measure('SQLite', await SqliteStateStore.open(join(folder, 'state.db')));
rmSync(folder, { recursive: true });
const url = process.env['STATE_URL'];
if (url !== undefined) {
  const config = postgresConfigSchema.parse({ url, schema: `bench_${Date.now()}` });
  const store = PostgresStateStore.start({
    config: () => config,
    baseDir: '.',
    engineId: null,
    onStatus: () => {},
  });
  await measure('PostgreSQL', store);
}
