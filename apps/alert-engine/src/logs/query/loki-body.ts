import { compareUtf8, type Labels } from '#libs/labels';
import type { LogEntry, ScanStats } from '#libs/logql';
import type { QueryValue } from '#libs/promql';
import { formatSampleValue, formatSeconds } from '../../query/query-body.ts';

/** Once so much text is waiting, it is handed on. */
const CHUNK_LENGTH = 64 * 1024;

/** How long a query waited and ran, and what it went through. */
export interface QuerySummary {
  readonly stats: Readonly<ScanStats>;
  readonly queueSeconds: number;
  readonly execSeconds: number;
  readonly entries: number;
}

/** Lines of one stream of an answer, in the answer's order. */
interface StreamEntries {
  readonly labels: Labels;
  readonly entries: LogEntry[];
}

/**
 * Lines as Loki's API gives them, in chunks: by streams, times as text.
 * @param isCategorized whether structured metadata and extracted labels stand beside each line, and only the stream's
 *   own labels with the stream (`X-Loki-Response-Encoding-Flags: categorize-labels`)
 */
export function* writeStreamsBody(
  entries: readonly LogEntry[],
  isCategorized: boolean,
  summary: QuerySummary,
): Generator<string, void, undefined> {
  const flags = isCategorized ? ',"encodingFlags":["categorize-labels"]' : '';
  yield `{"status":"success","data":{"resultType":"streams"${flags},"result":`;
  yield* writeStreams(entries, isCategorized);
  yield `,"stats":${writeStats(summary)}}}`;
}

/** The list of streams alone, as following sends it as well. */
export function* writeStreams(
  entries: readonly LogEntry[],
  isCategorized: boolean,
): Generator<string, void, undefined> {
  let text = '[';
  let isFirstStream = true;
  for (const stream of groupStreams(entries, isCategorized)) {
    text += `${isFirstStream ? '' : ','}{"stream":${JSON.stringify(stream.labels)},"values":[`;
    isFirstStream = false;
    let isFirst = true;
    for (const { timeNs, line, categories } of stream.entries) {
      text += `${isFirst ? '' : ','}["${timeNs}",${JSON.stringify(line)}`;
      isFirst = false;
      if (isCategorized) {
        const { structuredMetadata, parsed } = categories;
        text += `,${JSON.stringify({
          ...(structuredMetadata.size > 0 ? { structuredMetadata } : {}),
          ...(parsed.size > 0 ? { parsed } : {}),
        })}`;
      }
      text += ']';
      if (text.length < CHUNK_LENGTH) continue;
      yield text;
      text = '';
    }
    text += ']}';
  }
  yield `${text}]`;
}

/** Streams in the order of their first lines. */
function groupStreams(
  entries: readonly LogEntry[],
  isCategorized: boolean,
): Iterable<StreamEntries> {
  const streams = new Map<string, StreamEntries>();
  for (const entry of entries) {
    const labels = isCategorized ? entry.categories.stream : entry.labels;
    const known = streams.get(labels.key);
    if (known === undefined) streams.set(labels.key, { labels, entries: [entry] });
    else known.entries.push(entry);
  }
  return streams.values();
}

/** Numbers as Loki's API gives them, in chunks; what Prometheus's has, with other statistics. */
export function* writeMetricBody(
  value: QueryValue,
  summary: QuerySummary,
): Generator<string, void, undefined> {
  yield `{"status":"success","data":{"resultType":"${value.kind}","result":`;
  switch (value.kind) {
    case 'scalar':
      yield `[${formatSeconds(value.timeMs)},"${formatSampleValue(value.value)}"]`;
      break;
    case 'string':
      yield JSON.stringify([value.timeMs / 1000, value.value]);
      break;
    case 'vector': {
      const time = formatSeconds(value.timeMs);
      let text = '[';
      for (const [i, labels] of value.labels.entries()) {
        text += `${i === 0 ? '' : ','}{"metric":${JSON.stringify(labels)},"value":[${time},"${formatSampleValue(value.values[i]!)}"]}`;
      }
      yield `${text}]`;
      break;
    }
    case 'matrix': {
      let text = '[';
      for (const [i, { labels, timesMs, values }] of value.series.entries()) {
        text += `${i === 0 ? '' : ','}{"metric":${JSON.stringify(labels)},"values":[`;
        for (let j = 0; j < timesMs.length; j++) {
          text += `${j === 0 ? '' : ','}[${formatSeconds(timesMs[j]!)},"${formatSampleValue(values[j]!)}"]`;
        }
        text += ']}';
        if (text.length < CHUNK_LENGTH) continue;
        yield text;
        text = '';
      }
      yield `${text}]`;
    }
  }
  yield `,"stats":${writeStats(summary)}}}`;
}

function writeStats({ stats, queueSeconds, execSeconds, entries }: QuerySummary): string {
  const perSecond = (count: number): number =>
    execSeconds > 0 ? Math.round(count / execSeconds) : 0;
  return JSON.stringify({
    summary: {
      bytesProcessedPerSecond: perSecond(stats.bytes),
      linesProcessedPerSecond: perSecond(stats.lines),
      totalBytesProcessed: stats.bytes,
      totalLinesProcessed: stats.lines,
      totalPostFilterLines: stats.keptLines,
      totalEntriesReturned: entries,
      execTime: execSeconds,
      queueTime: queueSeconds,
      subqueries: 0,
      splits: 0,
      shards: 0,
    },
  });
}

/** Names as the API lists them. */
export function sortedNames(names: Iterable<string>): string[] {
  return [...names].toSorted(compareUtf8);
}
