import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ExpositionWriter } from '#libs/exposition';
import { type Labels, type Matcher, Matcher as LabelMatcher, matchesAll } from '#libs/labels';
import { parseMetricSelector, PromqlSyntaxError } from '#libs/promql';
import {
  CHUNK_ENCODINGS,
  chunkSampleCount,
  type ReadChunk,
  XorChunkColumns,
} from '#libs/remote-read';
import { isStaleMarker } from '#libs/samples';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';
import { askEngine, EngineRequestError } from '../engine-client.ts';
import { Progress } from '../progress.ts';
import { readChunks } from '../remote-read-client.ts';
import { parseTimeMs } from '../parse-time.ts';

const EVERYTHING = '{__name__!=""}';
const namesSchema = z.object({ data: z.array(z.string()) });

interface ExportOptions {
  readonly engineUrl: string;
  readonly selectors: readonly { readonly text: string; readonly matchers: readonly Matcher[] }[];
  readonly startMs: number;
  readonly endMs: number;
}

/** What has been written, and what the format cannot hold. */
interface ExportCounts {
  series: number;
  samples: number;
  staleMarkers: number;
  histograms: number;
}

/** `binnacle export metrics`: samples as OpenMetrics text, to be imported here or by another program. */
export const exportMetricsCommand: Command = {
  name: 'export metrics',
  usage: '[--match SELECTOR]… [--start TIME] [--end TIME] [--engine URL]',
  summary: 'write series with all their samples as OpenMetrics text to standard output',
  async run(args, io) {
    const options = parseOptions(args, io);
    try {
      return await exportAll(options, io);
    } catch (error) {
      if (!(error instanceof EngineRequestError)) throw error;
      io.err(`binnacle export metrics: ${error.message}; the export is not complete\n`);
      return 1;
    }
  },
};

function parseOptions(args: readonly string[], io: CommandIo): ExportOptions {
  const { match = [EVERYTHING], start, end, engine } = argumentsOf(args);
  const engineUrl = engine ?? io.env['BINNACLE_ENGINE'] ?? 'http://127.0.0.1:9370';
  if (!URL.canParse(engineUrl)) {
    throw new CommandUsageError('--engine takes a URL such as http://127.0.0.1:9370');
  }
  const selectors = match.map((text) => ({ text, matchers: matchersOf(text) }));
  const startMs = start === undefined ? 0 : timeOf('--start', start);
  const endMs = end === undefined ? Date.now() : timeOf('--end', end);
  if (endMs < startMs) throw new CommandUsageError('--end is before --start');
  return { engineUrl, selectors, startMs, endMs };
}

function argumentsOf(args: readonly string[]): {
  readonly match?: string[] | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly engine?: string | undefined;
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        match: { type: 'string', multiple: true },
        start: { type: 'string' },
        end: { type: 'string' },
        engine: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
}

function matchersOf(text: string): readonly Matcher[] {
  try {
    return parseMetricSelector(text);
  } catch (error) {
    if (!(error instanceof PromqlSyntaxError)) throw error;
    throw new CommandUsageError(`--match ${text}: ${error.message}`);
  }
}

function timeOf(option: string, text: string): number {
  const timeMs = parseTimeMs(text);
  if (timeMs !== null) return timeMs;
  throw new CommandUsageError(
    `${option} takes seconds since 1970 or a time such as 2026-11-21T08:00:00Z`,
  );
}

async function exportAll(options: ExportOptions, io: CommandIo): Promise<ExitCode> {
  const { selectors } = options;
  const namesOf: (readonly string[])[] = [];
  for (const { text } of selectors) namesOf.push(await metricNames(options, text));
  const names = [...new Set(namesOf.flat())].toSorted((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  );
  const counts: ExportCounts = { series: 0, samples: 0, staleMarkers: 0, histograms: 0 };
  const progress = new Progress(io);
  const writer = new ExpositionWriter('openmetrics');
  // Metric by metric, so that the engine needs to hold no more than one at a time.
  for (const [done, name] of names.entries()) {
    const tell = (): string =>
      `${done} of ${names.length} metrics, ${counts.series} series, ${counts.samples} samples`;
    for (const [i, { matchers }] of selectors.entries()) {
      if (!namesOf[i]!.includes(name)) continue;
      const earlier = selectors.slice(0, i).map((one) => one.matchers);
      await exportMetric(options, name, matchers, earlier, { writer, counts, io, tell, progress });
    }
  }
  io.out(writer.take());
  await io.outDrained?.();
  io.err(describeCounts(counts));
  return 0;
}

async function metricNames(options: ExportOptions, selector: string): Promise<readonly string[]> {
  const body = await askEngine(options.engineUrl, 'api/v1/label/__name__/values', {
    'match[]': selector,
    start: String(options.startMs / 1_000),
    end: String(options.endMs / 1_000),
  });
  return namesSchema.parse(body).data;
}

interface ExportTarget {
  readonly writer: ExpositionWriter;
  readonly counts: ExportCounts;
  readonly io: CommandIo;
  readonly progress: Progress;
  readonly tell: () => string;
}

/** @param earlier what has been exported of this metric already */
async function exportMetric(
  options: ExportOptions,
  name: string,
  matchers: readonly Matcher[],
  earlier: readonly (readonly Matcher[])[],
  { writer, counts, io, progress, tell }: ExportTarget,
): Promise<void> {
  const query = {
    startMs: options.startMs,
    endMs: options.endMs,
    matchers: [...matchers, new LabelMatcher('__name__', '=', name)],
  };
  const columns = new XorChunkColumns();
  let last: Labels | null = null;
  let lastMs = -Infinity;
  for await (const { labels, chunks } of readChunks(options.engineUrl, query)) {
    if (earlier.some((one) => matchesAll(labels, one))) continue;
    const isNew = last === null || last.key !== labels.key;
    if (isNew) lastMs = -Infinity;
    last = labels;
    columns.clear();
    for (const chunk of chunks) counts.histograms += addChunk(columns, chunk);
    const samples = keepWanted(columns, options, lastMs, counts);
    if (samples === 0) continue;
    if (isNew || lastMs === -Infinity) counts.series++;
    lastMs = columns.timesMs[samples - 1]!;
    counts.samples += samples;
    writer.samples(labels, columns.timesMs, columns.values, samples);
    io.out(writer.takePiece());
    await io.outDrained?.();
    progress.show(tell);
  }
}

/** @returns how many samples it holds that are no floats */
function addChunk(columns: XorChunkColumns, { encoding, data }: ReadChunk): number {
  if (encoding !== CHUNK_ENCODINGS.xor) return chunkSampleCount(data);
  columns.add(data);
  return 0;
}

/**
 * Moves the samples to be written to the front of the columns: those in time, younger than what has been written of the
 * series, and no stale markers.
 * @returns how many there are
 */
function keepWanted(
  columns: XorChunkColumns,
  { startMs, endMs }: ExportOptions,
  afterMs: number,
  counts: ExportCounts,
): number {
  const { timesMs, values } = columns;
  let kept = 0;
  let lastMs = afterMs;
  for (let i = 0; i < columns.length; i++) {
    const timeMs = timesMs[i]!;
    if (timeMs < startMs || timeMs > endMs || timeMs <= lastMs) continue;
    lastMs = timeMs;
    if (isStaleMarker(values, i)) {
      counts.staleMarkers++;
      continue;
    }
    timesMs[kept] = timeMs;
    values.copyWithin(kept, i, i + 1);
    kept++;
  }
  return kept;
}

function describeCounts({ series, samples, staleMarkers, histograms }: ExportCounts): string {
  let text = `${series} series, ${samples} samples\n`;
  if (staleMarkers > 0) {
    text += `${staleMarkers} stale markers left out: the format has no way to say that a series ends\n`;
  }
  if (histograms > 0) {
    text += `${histograms} samples of native histograms left out: the format cannot hold them\n`;
  }
  return text;
}
