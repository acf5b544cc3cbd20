import { appendFile, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/processes.ts';
import type { BenchContext } from '../bench-context.ts';
import { containerFolder, criLine, writeCriFiles } from '../logs/cri-files.ts';
import { LogSink } from '../logs/log-sink.ts';
import { MeasuredCollector } from '../logs/measured-collector.ts';
import { type Finding, limitFinding, plain } from '../report.ts';

const FILES = 20;
const QUIET_FILES = 500;
const OUTPUT = 'fluentd-bench';
/** Two million of these lines took Fluent Bit 5.1.1 (`tail` with its CRI parser, `forward`) so long, measured earlier. */
const FLUENT_BIT = { cpuPerMillion: 4.3, linesPerSecond: 105_000, residentMiB: 310 };
const LINES_AT_ONCE = 27;
const WRITE_EVERY_MS = 100;

interface Bench {
  readonly context: BenchContext;
  readonly sink: LogSink;
  readonly collector: MeasuredCollector;
  readonly root: string;
  readonly folder: string;
}

/**
 * Log files to a forward server that acknowledges, with durable offsets: what a million lines cost, what quiet files cost,
 * and what a steady megabyte a second costs.
 */
export async function logsBenchmark(context: BenchContext): Promise<void> {
  await withCollector(context, {}, async (bench) => {
    const { cpu, speed, memory } = await backlog(bench, 'CRI lines', 500_000);
    context.add(
      limitFinding('logs', 'CPU of a million CRI lines', 2.5, cpu, 'CPU-s'),
      compared('CPU', cpu, FLUENT_BIT.cpuPerMillion),
      compared('speed', speed, FLUENT_BIT.linesPerSecond),
      limitFinding('logs', 'peak memory with CRI lines', 150, memory, 'MiB'),
      compared('memory', memory, FLUENT_BIT.residentMiB),
    );
  });
  await withCollector(context, { parser: 'json' }, async (bench) => {
    await backlog(bench, 'CRI lines of JSON that is parsed', 200_000);
  });
  await withCollector(context, {}, idle);
  await withCollector(context, {}, steady);
}

async function withCollector(
  context: BenchContext,
  group: Readonly<Record<string, unknown>>,
  body: (bench: Bench) => Promise<void>,
): Promise<void> {
  const folder = context.nextFolder();
  const root = join(folder, 'pods');
  await mkdir(root, { recursive: true });
  const sink = await LogSink.start();
  const collector = await MeasuredCollector.start({
    program: context.collectorProgram,
    folder: join(folder, 'collector'),
    nodeArgs: context.nodeArgs,
    config: {
      host_metrics: { enabled: false },
      logs: {
        files: [
          {
            name: 'pods',
            include: [join(root, '*/*/*.log')],
            format: 'cri',
            from: 'beginning',
            ...group,
          },
        ],
      },
      outputs: { fluentd: [{ name: 'bench', port: sink.port }] },
    },
  });
  try {
    await body({ context, sink, collector, root, folder });
  } finally {
    await collector.stop();
    sink.stop();
  }
}

/** CPU seconds of a million lines, lines a second, and the most memory there was, in MiB. */
interface BacklogCost {
  readonly cpu: number;
  readonly speed: number;
  readonly memory: number;
}

/** Files that lie there all at once. */
async function backlog(
  { context, sink, collector, root, folder }: Bench,
  what: string,
  minSpeed: number,
): Promise<BacklogCost> {
  const perFile = context.isQuick ? 10_000 : 100_000;
  const lines = FILES * perFile;
  const made = join(folder, 'made');
  const bytes = await writeCriFiles(made, FILES, perFile);
  const before = await collector.cpuSeconds();
  context.say(`${lines} ${what} in ${FILES} files …`);
  for (let pod = 0; pod < FILES; pod++) {
    const name = join(containerFolder('', pod), '..');
    await rename(join(made, name), join(root, name));
  }
  await eventually('all lines to arrive', async () =>
    (await sink.report()).records >= lines ? true : null,
  );
  await eventually('the offsets to be on disk', async () =>
    (await collector.durableBytes(OUTPUT)) === bytes ? true : null,
  );
  const cpu = ((await collector.cpuSeconds()) - before) / (lines / 1e6);
  const { records, firstMs, lastMs, messages } = await sink.report();
  const speed = lines / ((lastMs - firstMs) / 1_000);
  const memory = await collector.peakResidentMiB();
  const detail =
    `${plain(cpu)} CPU-s a million, ${records - lines} doubled, ${messages} messages, ` +
    `${plain(bytes / 2 ** 20)} MiB read, peak memory ${plain(memory)} MiB`;
  context.add(floorFinding(`speed with ${what}`, minSpeed, speed, 'lines/s', detail));
  return { cpu, speed, memory };
}

/** Files to which nobody writes. */
async function idle({ context, sink, collector, root }: Bench): Promise<void> {
  const ms = context.isQuick ? 10_000 : 30_000;
  const rest = (): Promise<void> => sleep(ms);
  // What the start left to do is done by then.
  await sleep(5_000);
  const empty = (await collector.coreShare(rest)) * 100;
  await writeCriFiles(root, QUIET_FILES, 10);
  await eventually('the files to be read', async () =>
    (await sink.report()).records >= QUIET_FILES * 10 ? true : null,
  );
  await sleep(8_000);
  context.say(`${QUIET_FILES} quiet files, ${ms / 1_000} s …`);
  const share = (await collector.coreShare(rest)) * 100;
  const detail = `${plain(share)} % in all, ${plain(empty)} % without files`;
  const what = `${QUIET_FILES} quiet files, of a core`;
  context.add(limitFinding('logs', what, 0.5, Math.max(0, share - empty), '%', detail));
}

/** A megabyte a second over all files. */
async function steady({ context, sink, collector, root }: Bench): Promise<void> {
  const ms = context.isQuick ? 10_000 : 30_000;
  await writeCriFiles(root, FILES, 1);
  await eventually('the files to be read', async () =>
    (await sink.report()).records >= FILES ? true : null,
  );
  await sleep(5_000);
  context.say(`a megabyte a second over ${FILES} files, ${ms / 1_000} s …`);
  const parts: string[] = [];
  for (let i = 0; i < LINES_AT_ONCE; i++) parts.push(criLine(i));
  const text = parts.join('');
  let written = 0;
  const share = await collector.coreShare(async () => {
    const startedMs = performance.now();
    for (let round = 1; performance.now() - startedMs < ms; round++) {
      for (let pod = 0; pod < FILES; pod++) {
        await appendFile(join(containerFolder(root, pod), '0.log'), text);
        written += text.length;
      }
      await sleep(Math.max(0, startedMs + round * WRITE_EVERY_MS - performance.now()));
    }
  });
  const detail = `${plain(written / 1e6 / (ms / 1_000))} MB/s written`;
  context.add(
    limitFinding('logs', 'a steady megabyte a second, of a core', 3, share * 100, '%', detail),
  );
}

/** Beside what the peer took, which is not on this machine and was measured before. */
function compared(what: string, ours: number, theirs: number): Finding {
  return {
    benchmark: 'logs',
    what: `${what}: ours to what Fluent Bit took when it was measured`,
    asked: '',
    isMet: null,
    measured: plain(ours / theirs),
    detail: `Fluent Bit 5.1.1: ${plain(theirs)}, not of this run`,
  };
}

function floorFinding(
  what: string,
  floor: number,
  measured: number,
  unit: string,
  detail: string,
): Finding {
  return {
    benchmark: 'logs',
    what,
    asked: `>= ${floor} ${unit}`,
    isMet: measured >= floor,
    measured: `${plain(measured)} ${unit}`,
    detail,
  };
}
