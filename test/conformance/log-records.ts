import { readFileSync } from 'node:fs';
import { EntryEncoder, MsgpackReader } from '#libs/forward';
import {
  type LogFormat,
  type LogSource,
  MULTILINE_RULES,
  type MultilineRule,
  ParserSet,
  type ParserSpec,
  type RecordBatch,
  RecordPipeline,
  type TextEncoding,
} from '#libs/log-pipeline';
import { frameLines, type LineBatch, LineColumns } from '#libs/log-tail';

/** Nothing of pods' labels and annotations. */
export const NO_FIELDS = { labels: [], annotations: [] };

export interface RecordsOptions {
  readonly parsers?: readonly ParserSpec[];
  /** The name of one. */
  readonly parser?: string;
  readonly multiline?: readonly string[];
  readonly encoding?: TextEncoding;
  /** Beside those that are built in. */
  readonly rules?: readonly MultilineRule[];
}

function wholeBatch(bytes: Buffer): LineBatch {
  const columns = new LineColumns();
  frameLines(bytes, bytes.length, columns, {
    maxLineBytes: 1_000_000,
    isInsideLongLine: false,
    isFinal: true,
  });
  return {
    group: 'g',
    path: '/0.log',
    fileKey: 'f',
    bytes,
    lineCount: columns.count,
    lineStarts: columns.starts,
    lineEnds: columns.ends,
    firstOffset: 0,
    endOffset: bytes.length,
  };
}

/** All records of a file or of bytes, each with everything that outputs are told of it. */
export function recordsOf(
  file: string | Buffer,
  format: LogFormat,
  source: LogSource,
  options: RecordsOptions,
): Record<string, unknown>[] {
  const pipeline = new RecordPipeline({
    format,
    encoding: options.encoding ?? 'utf-8',
    parsers: new ParserSet(options.parsers ?? []),
    parser: options.parser ?? null,
    multilineRules: [...MULTILINE_RULES, ...(options.rules ?? [])],
    multiline: options.multiline ?? [],
    multilineLimits: { maxLines: 1_000, maxBytes: 1_000_000, timeoutMs: 1_000 },
    labelNames: [],
    shipping: {
      drop: [],
      sample: [],
      rateLimit: null,
      redact: { kinds: [], patterns: [] },
    },
    obeysAnnotations: true,
  });
  const encoder = new EntryEncoder(source.attributes);
  const encoded = (records: RecordBatch | null): Record<string, unknown>[] => {
    if (records === null) return [];
    const reader = new MsgpackReader(encoder.encode(pipeline.ship('f', records, 0), 0).bytes);
    const entries: Record<string, unknown>[] = [];
    while (!reader.isAtEnd) {
      const [, record] = reader.readValue() as [unknown, Record<string, unknown>];
      entries.push({ ...record });
    }
    return entries;
  };
  const batch = wholeBatch(typeof file === 'string' ? readFileSync(file) : file);
  return [...encoded(pipeline.process(batch, source, 0).records), ...encoded(pipeline.end('f', 0))];
}
