/*
 * What the store costs per sample and per series. `node --expose-gc --conditions=repo-source libs/tsdb/bench/store.bench.ts
 * [series] [steps]`. All samples stay in memory here, two hours of them unless told otherwise; the engine keeps between 70 and
 * 110 minutes, of which the least is 280 steps.
 */
import { Matcher } from '#libs/labels';
import { MemorySegmentStore, type SegmentStore, type Timer } from '#libs/record-log';
import { createSampleWindow, type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { TimeSeriesStore } from '../src/index.ts';
import { createValues, labelsOf } from './workload.ts';

const SERIES = Number(process.argv[2] ?? 100_000);
const STEP_MS = 15_000;
const STEPS = Number(process.argv[3] ?? 480);
const START = 1_700_000_000_000;

let nowMs = START;
let due: (() => void)[] = [];
const timer: Timer = {
  nowMs: () => nowMs,
  after(_delayMs, run) {
    due.push(run);
    return () => undefined;
  },
};

async function settle(): Promise<void> {
  const runs = due;
  due = [];
  for (const run of runs) run();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const nextValue = createValues(SERIES);
const allLabels = Array.from({ length: SERIES }, (_, i) => labelsOf(i));
const BATCH = 2_000;

function batchAt(from: number): SampleBatch {
  const builder = new SampleBatchBuilder();
  for (let i = from; i < Math.min(SERIES, from + BATCH); i++) {
    builder.addSeries(allLabels[i]!);
    builder.addSample(nowMs, nextValue(i));
  }
  return builder.take();
}

async function memory(): Promise<number> {
  // Buffers go back some time after the collection that finds them.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Takes a log and keeps nothing of it: here the head is measured. */
const nowhere: SegmentStore = {
  list: async () => [],
  create: async () => undefined,
  append: async () => undefined,
  sync: async () => undefined,
  close: async () => undefined,
  async *read() {},
  truncate: async () => undefined,
  setAside: async () => undefined,
  remove: async () => undefined,
  space: async () => ({ freeBytes: 1, totalBytes: 1 }),
};

const before = await memory();
const store = new TimeSeriesStore(nowhere, timer);
await store.open();
let appendNs = 0n;
let firstRoundNs = 0n;
for (let step = 0; step < STEPS; step++) {
  nowMs = START + step * STEP_MS;
  for (let from = 0; from < SERIES; from += BATCH) {
    const batch = batchAt(from);
    const started = process.hrtime.bigint();
    store.append(batch);
    const spent = process.hrtime.bigint() - started;
    if (step === 0) firstRoundNs += spent;
    else appendNs += spent;
    if (from % (50 * BATCH) === 0) await settle();
  }
  await settle();
}
const used = (await memory()) - before;
const appended = SERIES * (STEPS - 1);
const stats = store.statistics();
const line = (name: string, figure: string): void => console.log(`${name.padEnd(44)} ${figure}`);
line('series', String(stats.series));
line('new series', `${(Number(firstRoundNs) / SERIES).toFixed(0)} ns each`);
line('append, log encoding included', `${(Number(appendNs) / appended).toFixed(0)} ns/sample`);
line(`memory, ${STEPS / 4} min at 15 s`, `${(used / SERIES).toFixed(0)} bytes/series`);
line('of which samples', `${(stats.sampleBytes / SERIES).toFixed(0)} bytes/series`);
line('log', `${(stats.logWrittenBytes / (SERIES * STEPS)).toFixed(1)} bytes/sample`);

const window = createSampleWindow();
function timed(name: string, unit: string, count: number, run: () => void): void {
  run();
  const started = process.hrtime.bigint();
  run();
  const ns = Number(process.hrtime.bigint() - started);
  line(name, `${(ns / count).toFixed(0)} ns/${unit} (${(ns / 1e6).toFixed(1)} ms)`);
}
const all = store.select([new Matcher('job', '=', 'kubelet')], 0, nowMs);
const { rows } = all;
timed('read [1m], raw', 'series', rows.length, () => {
  for (let i = 0; i < rows.length; i++) all.read(rows[i]!, nowMs - 60_000, nowMs, window);
});
timed('read [30m], decoded', 'series', rows.length, () => {
  for (let i = 0; i < rows.length; i++) all.read(rows[i]!, nowMs - 1_800_000, nowMs, window);
});
timed('read [2h], decoded', 'sample', rows.length * STEPS, () => {
  for (let i = 0; i < rows.length; i++) all.read(rows[i]!, START, nowMs, window);
});
const lookups: [string, Matcher[]][] = [
  ['name', [new Matcher('__name__', '=', 'container_metric_7')]],
  [
    'name, pod=~prefix',
    [
      new Matcher('__name__', '=', 'container_metric_7'),
      new Matcher('pod', '=~', 'deployment-1.*'),
    ],
  ],
  ['pod=~general', [new Matcher('pod', '=~', 'deployment-[0-9]+-a.*')]],
  [
    'job, namespace!=',
    [new Matcher('job', '=', 'kubelet'), new Matcher('namespace', '!=', 'team-3')],
  ],
];
for (const [name, matchers] of lookups) {
  timed(`series {${name}}`, 'lookup', 1, () => store.series(matchers, 0, Infinity).length);
}
timed('label values of pod', 'lookup', 1, () => store.labelValues('pod', [], 0, Infinity));

const segments = new MemorySegmentStore();
const logged = new TimeSeriesStore(segments, timer);
await logged.open();
for (let step = 0; step < 30; step++) {
  nowMs += STEP_MS;
  for (let from = 0; from < SERIES; from += BATCH) logged.append(batchAt(from));
  await settle();
}
await logged.close();
const list = await segments.list();
const replayed = new TimeSeriesStore(segments, timer);
const started = process.hrtime.bigint();
const report = await replayed.open();
const ns = Number(process.hrtime.bigint() - started);
line(
  `replay of ${report.samples} samples, ${list.length} segments`,
  `${(report.samples / (ns / 1e3)).toFixed(2)} M samples/s (${(ns / 1e6).toFixed(0)} ms)`,
);
