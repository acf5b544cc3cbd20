/*
 * What blocks cost: cutting them, joining them, reading across them.
 * `node --expose-gc --conditions=repo-source test/bench/blocks.bench.ts [series] [hours]`
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Matcher } from '#libs/labels';
import { FileBlockFiles, FileSegmentStore } from '#libs/node-files';
import type { Pace } from '#libs/pace';
import { createSampleWindow, SampleBatchBuilder } from '#libs/samples';
import { BlockArchive, TieredStore, TimeSeriesStore } from '#libs/tsdb';
import { createValues, labelsOf } from '../../libs/tsdb/bench/workload.ts';

const SERIES = Number(process.argv[2] ?? 100_000);
const HOURS = Number(process.argv[3] ?? 4);
const STEP_MS = 15_000;
const START = 1_700_000_000_000 - (1_700_000_000_000 % 86_400_000);
const BATCH = 2_000;

const line = (name: string, figure: string): void => console.log(`${name.padEnd(44)} ${figure}`);
let nowMs = START;
const timer = {
  nowMs: () => nowMs,
  after(delayMs: number, run: () => void) {
    const handle = setTimeout(run, delayMs);
    return () => clearTimeout(handle);
  },
};
let resumedMs = performance.now();
const pace: Pace = {
  isDue: () => performance.now() - resumedMs > 4,
  rest: () =>
    new Promise((resolve) => {
      setImmediate(() => {
        resumedMs = performance.now();
        resolve();
      });
    }),
};

/**
 * Turns of the event loop that take so long are noticed by those who wait for an answer. The thread's own time is counted,
 * so that it does not matter what else the machine does.
 */
const LONG_TURN_MS = 20;
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
let turns = 0;
let longTurns = 0;
let longestMs = 0;
let turnMs = threadMs();
let ticker: NodeJS.Immediate | null = null;
function endTurn(): void {
  const now = threadMs();
  turns++;
  if (now - turnMs >= LONG_TURN_MS) longTurns++;
  longestMs = Math.max(longestMs, now - turnMs);
  turnMs = now;
}
function tick(): void {
  endTurn();
  ticker = setImmediate(tick);
}
/** Counts the turns that something takes. */
async function watched(run: () => Promise<void>): Promise<void> {
  turnMs = threadMs();
  resumedMs = performance.now();
  ticker = setImmediate(tick);
  await run();
  if (ticker !== null) clearImmediate(ticker);
  endTurn();
}

const folder = await mkdtemp(join(tmpdir(), 'binnacle-blocks-'));
const recent = new TimeSeriesStore(new FileSegmentStore(folder), timer, {
  maxPendingBytes: Infinity,
});
const files = new FileBlockFiles(folder);
const archive = new BlockArchive(files, pace);
const store = new TieredStore(recent, archive, files, timer, pace);
await store.open();
const nextValue = createValues(SERIES);
const allLabels = Array.from({ length: SERIES }, (_, i) => labelsOf(i));
let maintainMs = 0;
for (let step = 0; step < (HOURS * 3_600_000) / STEP_MS; step++) {
  nowMs = START + step * STEP_MS;
  let position = 0;
  for (let from = 0; from < SERIES; from += BATCH) {
    const builder = new SampleBatchBuilder();
    for (let i = from; i < Math.min(SERIES, from + BATCH); i++) {
      builder.addSeries(allLabels[i]!);
      builder.addSample(nowMs, nextValue(i));
    }
    position = recent.append(builder.take()).position;
  }
  await recent.committed(position);
  if (step % 4 !== 3) continue;
  const before = archive.statistics().written;
  const started = performance.now();
  await watched(() => store.maintain());
  const spent = performance.now() - started;
  maintainMs += spent;
  const { written, compactions, bytes, samples } = archive.statistics();
  if (written > before) {
    line(
      `${((nowMs - START) / 60_000).toFixed(0)} min: ${written} written, ${compactions} joined`,
      `${spent.toFixed(0)} ms, ${(bytes / samples).toFixed(2)} bytes/sample, ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`,
    );
  }
}
const { samples, bytes } = archive.statistics();
line('samples in blocks', String(samples));
line('blocks', `${(bytes / samples).toFixed(2)} bytes/sample`);
line('cutting and joining', `${((maintainMs * 1e6) / samples).toFixed(0)} ns/sample`);
line('turns of the event loop meanwhile', `${turns}, longest ${longestMs.toFixed(1)} ms`);
line(`of ${LONG_TURN_MS} ms or more`, String(longTurns));
line('log kept', `${(recent.statistics().logBytes / 2 ** 20).toFixed(0)} MiB`);
for (let i = 0; i < 3; i++) globalThis.gc?.();
line('memory', `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);

const window = createSampleWindow();
for (const [name, matchers] of [
  ['one pod', [new Matcher('pod', '=', 'deployment-7-7-abcde')]],
  ['one metric', [new Matcher('__name__', '=', 'container_metric_18')]],
  ['a tenth of the metrics', [new Matcher('__name__', '=~', 'container_metric_.7')]],
] as const) {
  const started = performance.now();
  const selection = await store.select(matchers, START, nowMs);
  const selected = performance.now();
  let count = 0;
  for (const row of selection.rows) {
    selection.read(row, START, nowMs, window);
    count += window.end - window.start;
  }
  const read = performance.now();
  line(
    `${HOURS} h of ${name}: ${selection.rows.length} series`,
    `fetch ${(selected - started).toFixed(1)} ms, read ${(read - selected).toFixed(1)} ms, ${(((read - started) * 1e6) / count).toFixed(0)} ns/sample`,
  );
}
await store.close();
const again = new TimeSeriesStore(new FileSegmentStore(folder), timer);
const archiveAgain = new BlockArchive(new FileBlockFiles(folder), pace);
const reopened = new TieredStore(again, archiveAgain, files, timer, pace);
const started = performance.now();
const { log } = await reopened.open();
line(
  'start again',
  `${(performance.now() - started).toFixed(0)} ms, ${log.samples} samples of the log`,
);
await reopened.close();
await rm(folder, { recursive: true });
