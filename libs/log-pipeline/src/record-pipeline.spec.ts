import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { frameLines, type LineBatch, LineColumns } from '#libs/log-tail';
import {
  LOG_LEVELS,
  LOG_STREAMS,
  type LogSource,
  logSourceOf,
  MULTILINE_RULES,
  multilineRuleOf,
  ParserSet,
  type RecordBatch,
  RecordPipeline,
  type RecordPipelineOptions,
  START_STATE,
} from './index.ts';

const UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const PATH = `/pods/shop_web-1_${UID}/app/0.log`;
const AUTO = MULTILINE_RULES.map(({ name }) => name);

function pipelineOf(options: Partial<RecordPipelineOptions> = {}): RecordPipeline {
  return new RecordPipeline({
    format: 'raw',
    parsers: new ParserSet([]),
    parser: null,
    multilineRules: MULTILINE_RULES,
    multiline: [],
    multilineLimits: { maxLines: 100, maxBytes: 10_000, timeoutMs: 1_000 },
    labelNames: [],
    shipping: {
      drop: [],
      sample: [],
      rateLimit: null,
      redact: { kinds: [], patterns: [] },
    },
    obeysAnnotations: true,
    ...options,
  });
}

function sourceOf(annotations: Readonly<Record<string, string>> = {}): LogSource {
  const pod = {
    namespace: 'shop',
    name: 'web-1',
    uid: UID,
    node: 'n1',
    workload: 'web',
    workloadKind: 'Deployment',
    labels: new Map<string, string>(),
    annotations: new Map(Object.entries(annotations)),
  };
  return logSourceOf(PATH, pod, {}, { labels: [], annotations: [] });
}

const SOURCE = sourceOf();

function batchOf(text: string, firstOffset = 0, fileKey = 'f'): LineBatch {
  const bytes = Buffer.from(text);
  const columns = new LineColumns();
  const { consumed } = frameLines(bytes, bytes.length, columns, {
    maxLineBytes: 1_000_000,
    isInsideLongLine: false,
    isFinal: false,
  });
  const { count, starts, ends } = columns;
  return {
    group: 'g',
    path: PATH,
    fileKey,
    bytes,
    lineCount: count,
    lineStarts: starts,
    lineEnds: ends,
    firstOffset,
    endOffset: firstOffset + consumed,
  };
}

function textsOf(records: RecordBatch | null | undefined): string[] {
  return Array.from({ length: records?.count ?? 0 }, (_, row) => records!.text(row));
}

/** Texts of all records, in batches of the given numbers of lines, with the bytes of each overwritten behind it. */
function join(
  lines: readonly string[],
  multiline: readonly string[],
  sizes: readonly number[] = [1000],
): string[] {
  const pipeline = pipelineOf({ multiline });
  const texts: string[] = [];
  let offset = 0;
  let turn = 0;
  for (let at = 0; at < lines.length;) {
    const size = Math.max(1, sizes[turn++ % sizes.length]!);
    const batch = batchOf(
      lines
        .slice(at, at + size)
        .map((line) => `${line}\n`)
        .join(''),
      offset,
    );
    texts.push(...textsOf(pipeline.process(batch, SOURCE, 0).records));
    batch.bytes.fill(120);
    at += size;
    offset = batch.endOffset;
  }
  return [...texts, ...textsOf(pipeline.end('f', 0))];
}

const TRACES: readonly (readonly [rule: string, records: readonly string[]])[] = [
  [
    'java',
    [
      'INFO  starting up',
      '2026-03-01 08:00:00.123 ERROR 1 --- [main] c.a.App : it threw\njava.lang.IllegalStateException: Failed\nto load\n\tat com.acme.Order.load(Order.java:57)\n\tSuppressed: java.io.IOException: closed\n\t\tat com.acme.Conn.close(Conn.java:9)\n\t\t... 5 more\nCaused by: java.sql.SQLException: refused\n\t... 23 common frames omitted',
      '2026-03-01 08:00:01.000  INFO 1 --- [main] c.a.App : went on',
      'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space\n\tat Main.main(Main.java:5)',
      'java.lang.RuntimeException: alone',
      '[main] INFO c.a.App - next',
    ],
  ],
  [
    'python',
    [
      '2026-03-01 08:00:00,000 INFO root: starting',
      '2026-03-01 08:00:00,429 ERROR root: failed\nTraceback (most recent call last):\n  File "/app/a.py", line 4, in load\n    int("x")\nValueError: bad\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File "/app/a.py", line 7, in <module>\nRuntimeError: cannot load\nconfig',
      '2026-03-01 08:00:00,432 ERROR root: group\n  + Exception Group Traceback (most recent call last):\n  |   File "/app/a.py", line 9\n  | ExceptionGroup: many (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: a\n    +------------------------------------',
      'Traceback (most recent call last):\n  File "/app/a.py", line 4, in load\nKeyError: 1',
      '2026-03-01 08:00:05,000 INFO root: restarted',
    ],
  ],
  [
    'node',
    [
      'listening',
      'unhandled Error: failed\n    at h (/app/a.js:2:56)\n    ... 5 lines matching cause stack trace ...\n    at node:internal/main:28:49 {\n  [cause]: TypeError: none\n      at inner (/app/a.js:1:25)\n}',
      '/app/a.js:1\nthrow new Error("x")\n^\n\nError: x\n    at /app/a.js:3:145\n\nNode.js v24.0.0',
      'listening',
    ],
  ],
  [
    'go',
    [
      '2026/03/01 08:00:00 starting',
      'panic: runtime error: nil\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 6 [running]:\nmain.worker(0x0?)\n\t/app/a.go:5 +0x4a\ncreated by main.main in goroutine 1\n\t/app/a.go:6 +0xc5',
      '2026/03/01 08:00:05 http: panic serving 10.0.0.1:80: nil\ngoroutine 7 [running]:\nnet/http.(*conn).serve.func1()\n\t/go/server.go:1 +0x1',
      '2026/03/01 08:00:06 next',
    ],
  ],
  [
    'ruby',
    [
      'I, [2026-03-01T08:00:00] INFO -- : start',
      "app.rb:3:in `load': undefined method `id' (NoMethodError)\n\n    nil.id\n       ^^^\n\tfrom app.rb:7:in `<main>'",
      'I, [2026-03-01T08:00:01] INFO -- : next',
    ],
  ],
  [
    'dotnet',
    [
      'info: Start',
      'Unhandled exception. System.InvalidOperationException: broken\n ---> System.Net.Http.HttpRequestException: refused\n   at System.Net.Http.ConnectAsync()\n   --- End of inner exception stack trace ---\n   at Acme.Program.Main() in /src/Program.cs:line 10',
      'info: next',
    ],
  ],
  [
    'rust',
    [
      'starting',
      "thread 'main' panicked at src/main.rs:4:5:\nindex out of bounds\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/abc.rs:647:5\nnote: Some details are omitted.",
      'starting',
    ],
  ],
];

describe('records of several lines', () => {
  describe.each(TRACES)('%s', (rule, records) => {
    const lines = records.flatMap((record) => record.split('\n'));

    it.each([[[1000]], [[1]], [[2, 3]]])('are joined in batches of %j lines', (sizes) => {
      expect(join(lines, [rule], sizes)).toEqual(records);
    });

    it('are joined where every rule is tried', () => {
      expect(join(lines, AUTO, [3])).toEqual(records);
    });
  });

  it('are an error’s when they are traces that tell no level', () => {
    const pipeline = pipelineOf({ multiline: ['node'] });
    const batch = batchOf('it broke\n    at h (a.js:1)\nnext\n');
    const { records } = pipeline.process(batch, SOURCE, 0);
    expect([records.text(0), LOG_LEVELS[records.levels[0]!]]).toEqual([
      'it broke\n    at h (a.js:1)',
      'error',
    ]);
    expect(records.joined).toMatchObject([{ row: 0, parts: 2, isUnfinished: false }]);
  });

  it('are told apart by stream, and have the time of their first line', () => {
    const pipeline = pipelineOf({ format: 'cri', multiline: ['java'] });
    const batch = batchOf(
      [
        '2026-03-01T08:00:00Z stderr F a.b.FooException: x',
        '2026-03-01T08:00:01Z stdout F out',
        '2026-03-01T08:00:02Z stderr F \tat a.b',
        '2026-03-01T08:00:03Z stdout P long ',
        '2026-03-01T08:00:04Z stdout F line',
        '',
      ].join('\n'),
    );
    const first = textsOf(pipeline.process(batch, SOURCE, 0).records);
    const rest = pipeline.end('f', 0)!;
    const rows = Array.from({ length: rest.count }, (_, row) => [
      rest.text(row),
      LOG_STREAMS[rest.streams[row]!],
      new Date(rest.timeSeconds[row]! * 1000).getUTCSeconds(),
    ]);
    expect(first).toEqual(['out']);
    expect(rows).toEqual([
      ['long line', 'stdout', 4],
      ['a.b.FooException: x\n\tat a.b', 'stderr', 0],
    ]);
  });

  it('are held back until it is clear that they are whole, or have waited long enough', () => {
    const pipeline = pipelineOf({ multiline: ['java'] });
    const first = pipeline.process(batchOf('one\ntwo\n', 100), SOURCE, 0);
    expect(textsOf(first.records)).toEqual(['one']);
    expect(first.heldFromOffset).toBe(104);
    expect(pipeline.heldFrom('f')).toBe(104);
    expect(pipeline.flushOverdue(999).size).toBe(0);
    const flushed = pipeline.flushOverdue(1_000).get('f')!;
    expect(textsOf(flushed.records)).toEqual(['two']);
    expect(flushed.heldFromOffset).toBe(Infinity);
    expect(pipeline.flushOverdue(9_000).size).toBe(0);
    expect(pipeline.end('f', 0)).toBeNull();
  });

  it('have bounds; what exceeds them goes on in another record', () => {
    const pipeline = pipelineOf({
      multiline: ['java'],
      multilineLimits: { maxLines: 3, maxBytes: 40, timeoutMs: 1 },
    });
    const lines = ['E', '\tat 1', '\tat 2', '\tat 3', '\tat 4', `\tat ${'x'.repeat(30)}`, 'end'];
    const { records } = pipeline.process(batchOf(`${lines.join('\n')}\n`), SOURCE, 0);
    expect(textsOf(records)).toEqual([
      'E\n\tat 1\n\tat 2',
      '\tat 3\n\tat 4',
      `\tat ${'x'.repeat(30)}`,
    ]);
    expect(pipeline.counters.cutRecords).toBe(2);
  });

  it('may be described by patterns', () => {
    const date = '^[0-9]{4}-';
    const rules = [
      multilineRuleOf({
        name: 'dated',
        steps: [{ state: START_STATE, regex: date, next: 'on' }],
        rest: { regex: null },
      }),
      multilineRuleOf({
        name: 'indented',
        steps: [{ state: START_STATE, regex: '^begin', next: 'on' }],
        rest: { regex: '^ ' },
      }),
      multilineRuleOf({
        name: 'machine',
        steps: [
          { state: START_STATE, regex: '^A', next: 'b' },
          { state: 'b', regex: '^B', next: 'c' },
          { state: 'c', regex: '^C', next: 'b' },
        ],
      }),
    ];
    const joined = (name: string, lines: readonly string[]): string[] => {
      const pipeline = pipelineOf({ multilineRules: rules, multiline: [name] });
      const { records } = pipeline.process(batchOf(`${lines.join('\n')}\n`), SOURCE, 0);
      return [...textsOf(records), ...textsOf(pipeline.end('f', 0))];
    };
    expect(joined('dated', ['x', 'y', '2026-a', 'b', 'c', '2026-d'])).toEqual([
      'x',
      'y',
      '2026-a\nb\nc',
      '2026-d',
    ]);
    expect(joined('indented', ['begin', ' a', 'b', ' c'])).toEqual(['begin\n a', 'b', ' c']);
    expect(joined('machine', ['A', 'B', 'C', 'B', 'B', 'A'])).toEqual(['A\nB\nC\nB', 'B', 'A']);
  });

  it('hold every line once, in order, however they are cut into batches', () => {
    const line = fc.oneof(
      fc.constantFrom(
        '',
        '\tat a.b',
        'java.lang.Error: x',
        'Traceback (most recent call last):',
        '  x',
        '}',
        'goroutine 1 [running]:',
        "thread 'm' panicked at x",
        'a.rb:1:in x',
        '/a.js:1',
        'ERROR x',
        '2026-01-01 ERROR x',
      ),
      fc.string({ maxLength: 5, unit: 'grapheme-ascii' }),
    );
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
        (lines, sizes) => {
          const texts = join(lines, AUTO, sizes);
          expect(texts).toEqual(join(lines, AUTO));
          const told = texts
            .join('\n')
            .split('\n')
            .filter((text) => text !== '');
          expect(told).toEqual(lines.filter((text) => text !== ''));
        },
      ),
    );
  });
});

describe('annotations of pods', () => {
  const parsers = new ParserSet([
    { name: 'words', format: 'regex', pattern: '^(?<first>\\w+) (?<message>.*)' },
  ]);
  const T = '2026-03-01T08:00:00Z';
  const run = (
    annotations: Readonly<Record<string, string>>,
    options: Partial<RecordPipelineOptions> = {},
  ) => {
    const pipeline = pipelineOf({ format: 'cri', parsers, ...options });
    const batch = batchOf(`${T} stdout F one two\n${T} stderr F {"msg":"three"}\n`);
    const { records } = pipeline.process(batch, sourceOf(annotations), 0);
    return {
      texts: textsOf(pipeline.ship('f', records, 0)),
      counters: pipeline.counters,
      dropped: pipeline.shippingCounters.dropped,
    };
  };

  it.each([
    [{ 'fluentbit.io/parser': 'words' }, ['two', '{"msg":"three"}'], 1],
    [{ 'fluentbit.io/parser': 'json' }, ['one two', 'three'], 1],
    [{ 'fluentbit.io/parser_stdout': 'words' }, ['two', '{"msg":"three"}'], 0],
    [
      { 'fluentbit.io/parser_stdout-app': 'words', 'fluentbit.io/parser': 'json' },
      ['two', 'three'],
      0,
    ],
    [
      { 'fluentbit.io/parser-app': 'words', 'fluentbit.io/parser_stderr': 'json' },
      ['two', '{"msg":"three"}'],
      1,
    ],
    [{ 'fluentbit.io/parser-other': 'words' }, ['one two', '{"msg":"three"}'], 0],
    [
      { 'binnacle.dev/log-parser': 'json', 'fluentbit.io/parser': 'words' },
      ['one two', 'three'],
      1,
    ],
  ])('%j choose the parser', (annotations, texts, unparsed) => {
    const { texts: told, counters } = run(annotations);
    expect(told).toEqual(texts);
    expect(counters.unparsedLines).toBe(unparsed);
  });

  it.each([
    [{ 'fluentbit.io/exclude': 'true' }, []],
    [{ 'fluentbit.io/exclude_stdout': 'true' }, ['{"msg":"three"}']],
    [{ 'fluentbit.io/exclude_stderr-app': 'True' }, ['one two']],
    [
      { 'binnacle.dev/log-exclude': 'false', 'fluentbit.io/exclude': 'true' },
      ['one two', '{"msg":"three"}'],
    ],
    [{ 'fluentbit.io/exclude': 'maybe' }, ['one two', '{"msg":"three"}']],
  ])('%j exclude streams', (annotations, texts) => {
    const { texts: told, dropped } = run(annotations);
    expect(told).toEqual(texts);
    expect(dropped.excluded).toBe(2 - texts.length);
  });

  it('that name what there is not change nothing and are counted', () => {
    const { texts, counters } = run(
      { 'fluentbit.io/parser': 'constructor', 'binnacle.dev/log-multiline': 'nothing' },
      { parser: 'json' },
    );
    expect(texts).toEqual(['one two', 'three']);
    expect(counters.unknownNames).toBe(4);
  });

  it('count for nothing where that is wanted', () => {
    const annotations = { 'fluentbit.io/exclude': 'true', 'fluentbit.io/parser': 'words' };
    expect(run(annotations, { obeysAnnotations: false }).texts).toEqual([
      'one two',
      '{"msg":"three"}',
    ]);
  });

  it('choose how lines are joined, from the next record on when they change', () => {
    const pipeline = pipelineOf();
    const lines = 'a\n    at b\n';
    const texts = (source: LogSource, text: string): string[] =>
      textsOf(pipeline.process(batchOf(text), source, 0).records);
    expect(texts(SOURCE, lines)).toEqual(['a', '    at b']);
    const node = sourceOf({ 'binnacle.dev/log-multiline': 'node' });
    expect(texts(node, `${lines}end\n`)).toEqual(['a\n    at b']);
    const none = sourceOf({ 'binnacle.dev/log-multiline': 'none' });
    expect(texts(none, lines)).toEqual(['end']);
    expect(textsOf(pipeline.flushOverdue(9_000).get('f')?.records)).toEqual(['a\n    at b']);
    const again = sourceOf({ 'binnacle.dev/log-multiline': 'none' });
    expect(texts(again, lines)).toEqual(['a', '    at b']);
    const auto = sourceOf({ 'binnacle.dev/log-multiline': 'auto' });
    expect(texts(auto, `${lines}end\n`)).toEqual(['a\n    at b']);
  });
});

describe('hostile input', () => {
  const T = '2026-03-01T08:00:00Z';

  it('of ten thousand pieces is one message within its bound', () => {
    const pipeline = pipelineOf({ format: 'cri', maxMessageBytes: 50_000, multiline: AUTO });
    const piece = `${T} stdout P ${'x'.repeat(9)}\n`;
    const batch = batchOf(`${piece.repeat(10_000)}${T} stdout F end\n`);
    expect(pipeline.process(batch, SOURCE, 0).records.count).toBe(0);
    const [text] = textsOf(pipeline.end('f', 0));
    expect(text).toBe('x'.repeat(50_000));
    expect(pipeline.counters).toMatchObject({ truncatedMessages: 1, truncatedBytes: 40_003 });
  });

  it('that never ends goes out when it has waited, through everything that follows', () => {
    const pipeline = pipelineOf({ format: 'cri', parser: 'json', multiline: ['java'] });
    const batch = batchOf(`${T} stdout P {"msg":"half"}\n`);
    expect(pipeline.process(batch, SOURCE, 0).heldFromOffset).toBe(0);
    expect(pipeline.flushOverdue(10_000).size).toBe(0);
    // Its end did not come, so its next line might.
    expect(pipeline.flushOverdue(10_001).size).toBe(0);
    expect(pipeline.heldFrom('f')).toBe(0);
    const flushed = pipeline.flushOverdue(11_001).get('f')!;
    expect(textsOf(flushed.records)).toEqual(['half']);
    expect(flushed.heldFromOffset).toBe(Infinity);
    expect(pipeline.counters.unfinishedMessages).toBe(1);
  });

  it('of NUL bytes, carriage returns and broken UTF-8 neither gets lost nor stops anything', () => {
    const pipeline = pipelineOf({ format: 'cri', parser: 'json', multiline: AUTO });
    const lines = [
      `${T} stdout F {"a\u0000":"\u0000"}\r`,
      `${T} stdout F \u0000\u0000`,
      `${T} stdout F \r`,
      `${T} stderr F {"msg":"\\u0000\\ud800"}`,
      '\u0000',
    ];
    const { records } = pipeline.process(batchOf(`${lines.join('\n')}\n`), SOURCE, 0);
    const texts = [...textsOf(records), ...textsOf(pipeline.end('f', 0))];
    expect(texts.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      '\u0000',
      '\u0000\u0000',
      '\u0000\ufffd',
      '\r',
      '{"a\u0000":"\u0000"}\r',
    ]);
  });
});
