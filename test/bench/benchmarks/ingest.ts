import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench-context.ts';
import type { Contender } from '../contender.ts';
import { limitFinding, plain, ratioFinding } from '../report.ts';

const SCRAPE_MS = 15_000;
const SETTLE_MS = 5_000;

/** What a sample costs on its way in, in memory and on disk, and what it takes to read all back at a start. */
export async function ingestBenchmark(context: BenchContext): Promise<void> {
  const pods = context.isQuick ? 100 : 500;
  const steps = context.isQuick ? 120 : 480;
  const { ours, theirs } = await context.startBoth();
  const both = [ours, theirs];
  const [ourIdle, theirIdle] = await Promise.all(both.map((each) => each.residentBytes()));
  const cpuBefore = await Promise.all(both.map((each) => each.cpuSeconds()));
  context.say(`writing ${steps} samples of ${pods * 100} series, one each in a request …`);
  const feed = context.feed({
    workload: { kind: 'containers', pods },
    urls: both.map((each) => each.writeUrl),
    startMs: Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS - steps * SCRAPE_MS,
    stepMs: SCRAPE_MS,
    steps,
    seriesPerRequest: 2_000,
    stepsPerRequest: 1,
  });
  const { samples, seconds } = await feed.caughtUp;
  const series = samples / steps;
  const [ourCpu, theirCpu] = await Promise.all(
    both.map(async (each, i) => ((await each.cpuSeconds()) - cpuBefore[i]!) / samples),
  );
  context.say(`${samples} samples written in ${seconds.toFixed(0)} s`);
  await sleep(SETTLE_MS);
  const [ourBytes, theirBytes] = await Promise.all(both.map((each) => each.residentBytes()));
  const [ourDisk, theirDisk] = await Promise.all(
    both.map(async (each) => (await each.diskBytes()) / samples),
  );
  const held = await ours.metric('binnacle_store_sample_bytes');
  const perSeries = (ourBytes! - ourIdle!) / series;
  const size = `${series} series of ${steps} samples`;
  context.add(
    ratioFinding(
      'ingest',
      'CPU a sample by remote write',
      1,
      ourCpu!,
      theirCpu!,
      `${plain(ourCpu! * 1e6)} µs / ${plain(theirCpu! * 1e6)} µs; aim for 1/2`,
    ),
    limitFinding(
      'ingest',
      `memory a series, ${size}`,
      1_024,
      perSeries,
      'bytes',
      `Prometheus ${plain((theirBytes! - theirIdle!) / series)}; RSS ${megabytes(ourBytes!)} / ${megabytes(theirBytes!)}, samples ${plain(held / series)}`,
    ),
    ratioFinding(
      'ingest',
      `bytes a sample on disk, ${size}`,
      1.1,
      ourDisk!,
      theirDisk!,
      `${plain(ourDisk!)} / ${plain(theirDisk!)}`,
    ),
  );
  await addReplay(context, ours, theirs, samples);
  await ours.stop();
  await theirs.stop();
}

async function addReplay(
  context: BenchContext,
  ours: Contender,
  theirs: Contender,
  samples: number,
): Promise<void> {
  context.say('starting both again …');
  await ours.stop();
  await theirs.stop();
  const ourSeconds = await ours.start();
  const theirSeconds = await theirs.start();
  const replay = await ours.metric('prometheus_tsdb_data_replay_duration_seconds');
  context.add({
    benchmark: 'ingest',
    what: `replay of ${samples} samples`,
    asked: '>= 1 M samples/s',
    isMet: samples / replay >= 1e6,
    measured: `${plain(samples / replay / 1e6)} M samples/s`,
    detail: `ready after ${plain(ourSeconds)} s, Prometheus after ${plain(theirSeconds)} s`,
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
