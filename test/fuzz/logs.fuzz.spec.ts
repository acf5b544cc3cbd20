import { describe } from '@jest/globals';
import { EntryEncoder, MsgpackReader } from '#libs/forward';
import {
  LevelCounts,
  LinePipeline,
  LOG_FORMATS,
  type LogFormat,
  logSourceOf,
  Moment,
  MULTILINE_RULES,
  ParserSet,
  readRfc3339,
  type RecordBatch,
  RecordPipeline,
  REDACTIONS,
} from '#libs/log-pipeline';
import { frameLines, type LineBatch, LineColumns } from '#libs/log-tail';
import { itWithstands, promise } from './fuzz.ts';
import { tokensOf } from './hostile-input.ts';
import type { Random } from './random.ts';

const MAX_LINE_BYTES = 200;
const MAX_MESSAGE_BYTES = 1_000;

const CORPUS = [
  '2024-05-01T10:00:00.123456789Z stdout F level=info msg="started"\n2024-05-01T10:00:00Z stderr P part one \n2024-05-01T10:00:01+02:00 stderr F and two\n',
  '2024-05-01T10:00:00Z stdout P:x a\n2024-05-01T10:00:00Z stdout P b\n2024-05-01T10:00:00Z stderr F\n',
  '{"log":"a line\\n","stream":"stdout","time":"2024-05-01T10:00:00.1Z"}\n{"log":"half ","stream":"stderr","time":"2024-05-01T10:00:00Z"}\n{"log":"\\u00e9\\ud83d\\ude00\\n","attrs":{"a":[1,{"b":null}]},"stream":"stderr","time":"2024-05-01T10:00:00Z"}\n',
  '{"level":"warn","msg":"x","time":1714557600.5,"err":{"stack":["a","b"]}}\n{"severity":"ERROR","ts":"2024-05-01T10:00:00Z"}\nplain ERROR text\n',
  `${'x'.repeat(500)}\n\n\r\n[WARN] short\nE0501 10:00:00.000000 1 klog.go:1] bad\n<11>syslog\n`,
];

const TOKENS = [
  ...tokensOf(
    '2024-05-01T10:00:00Z 2024-02-30T25:61:61.999999999999Z +25:00 stdout stderr F P P:tag ␣',
    '␣ ⏎ ⏎ { } [ ] " : , \\ \\n \\u00e9 \\ud83d \\ude00 "log":" "stream":"stdout" "time":"',
    '"level":" error WARN null true -1e5 {"a": [[ 2024-05-01T10:00:00Z␣stdout␣P␣',
    '2024-05-01T10:00:00Z␣stdout␣F␣ {"log":"a","stream":"stdout","time":"',
  ),
  '\x0d\x0a',
];

/** The lines of an input that comes in pieces, as a tailer reads a file that grows. */
function linesOf(
  input: Buffer,
  pieceBytes: () => number,
): { lines: string[]; truncatedBytes: number } {
  const lines: string[] = [];
  let isInsideLongLine = false;
  let truncatedBytes = 0;
  let start = 0;
  let end = 0;
  for (;;) {
    end = Math.min(input.length, end + pieceBytes());
    const isFinal = end === input.length;
    const piece = Buffer.from(input.subarray(start, end));
    const columns = new LineColumns();
    const result = frameLines(piece, piece.length, columns, {
      maxLineBytes: MAX_LINE_BYTES,
      isInsideLongLine,
      isFinal,
    });
    for (let i = 0; i < columns.count; i++) {
      lines.push(piece.toString('latin1', columns.starts[i], columns.ends[i]));
    }
    promise(result.consumed <= piece.length, 'more consumed than there was');
    promise(
      piece.length - result.consumed <= MAX_LINE_BYTES,
      'more is held back than a line may be long',
    );
    ({ isInsideLongLine } = result);
    truncatedBytes += result.truncatedBytes;
    start += result.consumed;
    if (isFinal) {
      promise(start === input.length, 'bytes are left over at the end of the file');
      return { lines, truncatedBytes };
    }
  }
}

function batchOf(input: Buffer): LineBatch {
  const columns = new LineColumns();
  frameLines(input, input.length, columns, {
    maxLineBytes: 16 * 1024,
    isInsideLongLine: false,
    isFinal: true,
  });
  return {
    group: 'g',
    path: '/var/log/x.log',
    fileKey: 'f',
    bytes: input,
    lineCount: columns.count,
    lineStarts: columns.starts,
    lineEnds: columns.ends,
    firstOffset: 1_000,
    endOffset: 1_000 + input.length,
  };
}

function checkFormat(format: LogFormat, input: Buffer, random: Random): boolean {
  const pipeline = new LinePipeline({
    format,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxOpenPartials: 3,
  });
  const batch = batchOf(input);
  const { records, heldFromOffset } = pipeline.process(batch, random.below(100_000));
  promise(
    heldFromOffset >= 1_000 && heldFromOffset <= batch.endOffset,
    'held from outside the file',
  );
  const rest = pipeline.end('f');
  promise(records.count + (rest?.count ?? 0) <= batch.lineCount, 'more records than lines');
  for (let row = 0; row < records.count; row++) {
    const start = records.starts[row]!;
    const end = records.ends[row]!;
    promise(start <= end && end <= records.bytesOf(row).length, 'a message outside its bytes');
    const nanos = records.timeNanos[row]!;
    promise(nanos < 1_000_000_000, `${nanos} nanoseconds`);
    if (records.isExtra[row] === 1 && format === 'cri') {
      promise(end - start <= MAX_MESSAGE_BYTES, 'a joined message above the limit');
    }
  }
  const counts = new LevelCounts();
  counts.add(records);
  if (rest !== null) counts.add(rest);
  const counted = counts.list().reduce((sum, { lines }) => sum + lines, 0);
  promise(counted === records.count + (rest?.count ?? 0), 'records and their counts differ');
  promise(pipeline.counters.malformedLines <= batch.lineCount, 'more malformed lines than lines');
  return pipeline.counters.malformedLines < batch.lineCount;
}

const SOURCE = logSourceOf(
  '/pods/shop_web-1_0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/app/0.log',
  null,
  { team: 'x' },
  { labels: [], annotations: [] },
);
const PARSERS = ['json', 'logfmt', 'apache2', 'klog', 'syslog-rfc5424'];
const TRACE_TOKENS = tokensOf(
  '␣␣at␣ Caused␣by:␣ java.lang.Error:␣ Traceback␣(most␣recent␣call␣last): goroutine␣1␣[running]: ⏎⏎ ⏎␣␣',
  '{"__proto__":{"a":1}, "kubernetes":{"pod_name":" "namespace":" "kubernetes.pod": "file":" a=1␣ level=',
  'password= "token":" Bearer␣abcdef12 eyJhbGciOiJI.eyJzdWIi.sig a@b.co 4111111111111111 -----BEGIN␣PRIVATE␣KEY-----',
  '127.0.0.1␣-␣-␣[28/Jul/2006:10:27:10␣-0300]␣"GET␣/␣HTTP/1.0"␣200␣1 E0501␣10:00:00.000000␣1␣a.go:1]␣x',
);

/** Through everything that can be configured, and out as an output gets it. */
function checkPipeline(input: Buffer, random: Random): boolean {
  const pipeline = new RecordPipeline({
    format: random.pick(LOG_FORMATS),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    maxOpenPartials: 3,
    parsers: new ParserSet([]),
    parser: random.pick(PARSERS),
    multilineRules: MULTILINE_RULES,
    multiline: MULTILINE_RULES.map(({ name }) => name),
    multilineLimits: { maxLines: 5, maxBytes: MAX_MESSAGE_BYTES, timeoutMs: 1_000 },
    shipping: {
      drop: [],
      sample: [],
      rateLimit: random.below(2) === 0 ? null : { linesPerSecond: 1, burst: 3 },
      redact: { kinds: REDACTIONS, patterns: [{ name: 'x', pattern: 'x+' }] },
    },
    labelNames: ['team'],
    obeysAnnotations: true,
  });
  const nowMs = 1_800_000_000_000;
  const encoder = new EntryEncoder(SOURCE.attributes);
  let told = 0;
  const ship = (records: RecordBatch | null): void => {
    if (records === null) return;
    const { bytes, count } = encoder.encode(pipeline.ship('f', records, nowMs), nowMs);
    const reader = new MsgpackReader(bytes);
    for (let i = 0; i < count; i++) {
      const [, record] = reader.readValue() as [unknown, Record<string, unknown>];
      promise(record['namespace'] === 'shop', 'a message has said where it is from');
      promise(record['file'] === SOURCE.path && record['team'] === 'x', 'a field was replaced');
      promise(!('kubernetes' in record), 'a message has said what others believe');
      promise(typeof record['message'] === 'string', 'a record has no message');
    }
    promise(reader.isAtEnd, 'more was written than there are records');
    told += count;
  };
  const batch = batchOf(input);
  const { records, heldFromOffset } = pipeline.process(batch, SOURCE, nowMs);
  promise(heldFromOffset <= batch.endOffset, 'held from outside the file');
  ship(records);
  ship(pipeline.end('f', nowMs));
  promise(told <= batch.lineCount + 2, 'more records than lines');
  return pipeline.counters.unparsedLines < told;
}

describe('logs', () => {
  itWithstands({
    name: 'lines on their whole way',
    corpus: CORPUS,
    tokens: [...TOKENS, ...TRACE_TOKENS],
    refusals: [],
    decode: checkPipeline,
  });

  itWithstands({
    name: 'framing in pieces',
    corpus: CORPUS,
    tokens: TOKENS,
    refusals: [],
    decode(input, random) {
      const whole = linesOf(input, () => input.length);
      const pieces = linesOf(input, () => 1 + random.size(300));
      promise(
        whole.lines.join('\n') === pieces.lines.join('\n') &&
          whole.truncatedBytes === pieces.truncatedBytes,
        () => `${JSON.stringify(whole)} in one piece, ${JSON.stringify(pieces)} in several`,
      );
      const kept = whole.lines.reduce((sum, line) => sum + line.length, 0);
      const newlines = input.filter((byte) => byte === 10).length;
      promise(kept + whole.truncatedBytes + newlines === input.length, 'bytes do not add up');
    },
  });

  for (const format of LOG_FORMATS) {
    itWithstands({
      name: `lines of format ${format}`,
      corpus: CORPUS,
      tokens: TOKENS,
      refusals: [],
      decode: (input, random) => checkFormat(format, input, random),
    });
  }

  itWithstands({
    name: 'RFC 3339',
    corpus: [
      '2024-02-29T23:59:60.123456789Z',
      '1969-12-31T00:00:00-12:34',
      '9999-12-31T23:59:59+14:00',
    ],
    tokens: ['2024', '02', '29', '-', 'T', ':', 'Z', '.', '+', '00', '61', '9999999999', ' '],
    maxBytes: 64,
    refusals: [],
    decode(input) {
      const moment = new Moment();
      if (!readRfc3339(input, 0, input.length, moment)) return false;
      promise(Number.isSafeInteger(moment.seconds), `${moment.seconds} seconds`);
      promise(moment.nanos >= 0 && moment.nanos < 1_000_000_000, `${moment.nanos} nanoseconds`);
      return true;
    },
  });
});
