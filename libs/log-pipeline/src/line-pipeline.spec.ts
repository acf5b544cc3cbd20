import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { frameLines, type LineBatch, LineColumns } from '#libs/log-tail';
import {
  LevelCounts,
  LinePipeline,
  type LinePipelineOptions,
  LOG_LEVELS,
  LOG_STREAMS,
  type RecordBatch,
} from './index.ts';

const NOW_MS = 1_772_352_000_000;

function batchOf(text: string | Buffer, firstOffset = 0, fileKey = '1:1'): LineBatch {
  const bytes = Buffer.from(text);
  const columns = new LineColumns();
  const { consumed } = frameLines(bytes, bytes.length, columns, {
    maxLineBytes: 1_000_000,
    isInsideLongLine: false,
    isFinal: false,
  });
  return {
    group: 'g',
    path: '/logs/0.log',
    fileKey,
    bytes,
    lineCount: columns.count,
    lineStarts: columns.starts,
    lineEnds: columns.ends,
    firstOffset,
    endOffset: firstOffset + consumed,
  };
}

interface Row {
  readonly text: string;
  readonly stream: string;
  readonly level: string;
  readonly time: string | null;
}

function rowsOf(records: RecordBatch): Row[] {
  return Array.from({ length: records.count }, (_, row) => {
    const seconds = records.timeSeconds[row]!;
    return {
      text: records.text(row),
      stream: LOG_STREAMS[records.streams[row]!]!,
      level: LOG_LEVELS[records.levels[row]!]!,
      time: Number.isNaN(seconds)
        ? null
        : `${seconds}.${String(records.timeNanos[row]).padStart(9, '0')}`,
    };
  });
}

function textsOf(options: LinePipelineOptions, text: string): string[] {
  return rowsOf(new LinePipeline(options).process(batchOf(text), NOW_MS).records).map(
    (row) => row.text,
  );
}

const T = '2026-03-01T08:00:00.5Z';

describe('raw lines', () => {
  it('are their own messages, without a carriage return at the end', () => {
    const pipeline = new LinePipeline({ format: 'raw' });
    const { records, heldFromOffset } = pipeline.process(
      batchOf('ERROR one\r\n\ntwo\n', 100),
      NOW_MS,
    );
    expect(rowsOf(records)).toEqual([
      { text: 'ERROR one', stream: '', level: 'error', time: null },
      { text: '', stream: '', level: 'unknown', time: null },
      { text: 'two', stream: '', level: 'unknown', time: null },
    ]);
    expect(heldFromOffset).toBe(116);
    const counts = new LevelCounts();
    counts.add(records);
    expect(counts.list()).toEqual([
      { level: 'error', stream: '', lines: 1, bytes: 9 },
      { level: 'unknown', stream: '', lines: 2, bytes: 3 },
    ]);
  });
});

describe('CRI lines', () => {
  it('have a time, a stream and a message', () => {
    const pipeline = new LinePipeline({ format: 'cri' });
    const text = `${T} stdout F level=warn x\n${T} stderr F:a:b   y \n${T} stdout F\n`;
    expect(rowsOf(pipeline.process(batchOf(text), NOW_MS).records)).toEqual([
      { text: 'level=warn x', stream: 'stdout', level: 'warn', time: '1772352000.500000000' },
      { text: '  y ', stream: 'stderr', level: 'unknown', time: '1772352000.500000000' },
      { text: '', stream: 'stdout', level: 'unknown', time: '1772352000.500000000' },
    ]);
  });

  it.each([
    'not a cri line',
    `${T} stdout X unknown`,
    `${T} stdin F wrong`,
    `${T} stdoux F wrong`,
    `${T} stdout Fx wrong`,
    `2026-13-01T08:00:00Z stdout F bad`,
    T,
    `${T} `,
    `${T} stdout`,
    `${T} stdout `,
    '',
  ])('that are none stay as they are and are counted: %j', (line) => {
    const pipeline = new LinePipeline({ format: 'cri' });
    const { records } = pipeline.process(batchOf(`${line}\n${T} stdout F good\n`), NOW_MS);
    expect(rowsOf(records).map((row) => [row.text, row.stream])).toEqual([
      [line, ''],
      ['good', 'stdout'],
    ]);
    expect(records.isMalformed.subarray(0, 2)).toEqual(Uint8Array.of(1, 0));
    expect(pipeline.counters.malformedLines).toBe(1);
  });

  it('in parts are joined per stream and file, and held back until then', () => {
    const pipeline = new LinePipeline({ format: 'cri' });
    const first = `${T} stdout F whole\n${T} stdout P ERROR out-1 \n${T} stderr P err-1 \n`;
    const held = pipeline.process(batchOf(first, 1000), NOW_MS);
    expect(rowsOf(held.records).map((row) => row.text)).toEqual(['whole']);
    expect(held.heldFromOffset).toBe(1000 + `${T} stdout F whole\n`.length);

    const other = pipeline.process(batchOf(`${T} stdout F other file\n`, 0, '1:2'), NOW_MS);
    expect(rowsOf(other.records).map((row) => row.text)).toEqual(['other file']);

    const second = `${T} stderr F err-2\n${T} stdout P out-2 \n${T} stdout F end\n`;
    const done = pipeline.process(batchOf(second, 2000), NOW_MS);
    expect(rowsOf(done.records).map((row) => [row.text, row.level])).toEqual([
      ['err-1 err-2', 'unknown'],
      ['ERROR out-1 out-2 end', 'error'],
    ]);
    expect(done.records.joined.map(({ row, parts }) => [row, parts])).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(done.heldFromOffset).toBe(2000 + second.length);
  });

  it('in parts stop at a bound, and are counted', () => {
    const pipeline = new LinePipeline({ format: 'cri', maxMessageBytes: 10 });
    for (let i = 0; i < 10_000; i++) {
      pipeline.process(batchOf(`${T} stdout P ${i % 2 === 0 ? 'abc' : ''}\n`, i * 100), NOW_MS);
    }
    const { records } = pipeline.process(batchOf(`${T} stdout F z\n`), NOW_MS);
    expect(rowsOf(records).map((row) => row.text)).toEqual(['abcabcabca']);
    expect(records.joined[0]!.parts).toBe(10_001);
    expect(pipeline.counters).toMatchObject({ truncatedMessages: 1, truncatedBytes: 14_991 });
  });

  it('in parts go out unfinished after a while, and when their file ends', () => {
    const pipeline = new LinePipeline({ format: 'cri', partialTimeoutMs: 1000 });
    pipeline.process(batchOf(`${T} stdout P half\n`), NOW_MS);
    expect(pipeline.flushOverdue(NOW_MS + 999).size).toBe(0);
    const { records: flushed } = pipeline.flushOverdue(NOW_MS + 1001).get('1:1')!;
    expect(flushed.text(0)).toBe('half');
    expect(flushed.joined[0]).toMatchObject({ parts: 1, isUnfinished: true });
    pipeline.process(batchOf(`${T} stderr P more\n`), NOW_MS);
    expect(pipeline.end('1:1')!.text(0)).toBe('more');
    expect(pipeline.end('1:1')).toBeNull();
    expect(pipeline.counters.unfinishedMessages).toBe(2);
  });

  it('in parts of too many files at once become messages of their own', () => {
    const pipeline = new LinePipeline({ format: 'cri', maxOpenPartials: 2 });
    const texts = [1, 2, 3].map((file) =>
      rowsOf(
        pipeline.process(batchOf(`${T} stdout P part ${file}\n`, 0, `1:${file}`), NOW_MS).records,
      ),
    );
    expect(texts.map((rows) => rows.map((row) => row.text))).toEqual([[], [], ['part 3']]);
  });

  it('are the same however their messages were cut into parts', () => {
    const message = fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.filter((b) => b !== 10));
    const cuts = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(message, cuts)), (messages) => {
        const lines: Buffer[] = [];
        for (const [bytes, at] of messages) {
          const points = [
            0,
            ...at.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b),
            bytes.length,
          ];
          for (let i = 0; i + 1 < points.length; i++) {
            const tag = i + 2 === points.length ? 'F' : 'P';
            const piece = bytes.subarray(points[i], points[i + 1]);
            lines.push(Buffer.from(`${T} stdout ${tag} `), Buffer.from(piece), Buffer.from('\n'));
          }
        }
        const pipeline = new LinePipeline({ format: 'cri' });
        const { records } = pipeline.process(batchOf(Buffer.concat(lines)), NOW_MS);
        const got = Array.from({ length: records.count }, (_, row) =>
          records.bytesOf(row).subarray(records.starts[row], records.ends[row]).toString('hex'),
        );
        expect(got).toEqual(messages.map(([bytes]) => Buffer.from(bytes).toString('hex')));
      }),
    );
  });
});

function dockerLine(log: string, stream = 'stdout'): string {
  return `${JSON.stringify({ log, stream, time: T })}\n`;
}

describe('docker json-file lines', () => {
  it('have their escapes undone, and go on when they end without a newline', () => {
    const text =
      dockerLine('plain\n') +
      dockerLine('tab\t"q" \\n\n') +
      dockerLine('part one ') +
      dockerLine('E\n', 'stderr') +
      dockerLine('end 🙂\n');
    expect(textsOf({ format: 'docker-json' }, text)).toEqual([
      'plain',
      'tab\t"q" \\n',
      'E',
      'part one end 🙂',
    ]);
  });

  it('take any order, blanks and further members', () => {
    const text = `{ "time" : "${T}", "attrs":{"log":"no"}, "stream":"stderr" , "log" : "x\\n" }\n`;
    expect(textsOf({ format: 'docker-json' }, text)).toEqual(['x']);
  });

  it('that are none stay as they are', () => {
    const lines = [
      '{"log":"cut',
      'plain',
      '{}',
      '[]',
      `{"log":"a\\x\\n","stream":"stdout","time":"${T}"}`,
    ];
    const pipeline = new LinePipeline({ format: 'docker-json' });
    const { records } = pipeline.process(batchOf(`${lines.join('\n')}\n`), NOW_MS);
    expect(rowsOf(records).map((row) => row.text)).toEqual(lines);
    expect(pipeline.counters.malformedLines).toBe(5);
  });

  it('give back what was written, whatever it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (messages) => {
        const text = messages
          .map((log) => `${JSON.stringify({ log: `${log}\n`, stream: 'stdout', time: T })}\n`)
          .join('');
        expect(textsOf({ format: 'docker-json' }, text)).toEqual(messages);
      }),
    );
  });
});

describe('JSON lines', () => {
  it('stay whole; what is no object is counted', () => {
    const pipeline = new LinePipeline({ format: 'json' });
    const lines = [
      '{"level":"error","a":{"b":[1,"}"]}}',
      'text',
      '{"cut":',
      '{"a":1} x',
      '{"__proto__":1}',
    ];
    const { records } = pipeline.process(batchOf(`${lines.join('\n')}\n`), NOW_MS);
    expect(rowsOf(records).map((row) => row.text)).toEqual(lines);
    expect(rowsOf(records)[0]!.level).toBe('error');
    expect([...records.isMalformed.subarray(0, 5)]).toEqual([0, 1, 1, 1, 0]);
  });

  it('that JSON.parse accepts are never taken for malformed', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const pipeline = new LinePipeline({ format: 'json' });
        pipeline.process(batchOf(`${JSON.stringify(value)}\n`), NOW_MS);
        expect(pipeline.counters.malformedLines).toBe(0);
      }),
    );
  });
});

describe('any bytes in any format', () => {
  it('neither stop the pipeline nor get lost', () => {
    const format = fc.constantFrom('raw', 'cri', 'docker-json', 'json');
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), format, (lines, kind) => {
        const clean = lines.map((line) => Buffer.from(line.filter((byte) => byte !== 10)));
        const text = Buffer.concat(clean.flatMap((bytes) => [bytes, Buffer.from('\n')]));
        const pipeline = new LinePipeline({ format: kind });
        expect(pipeline.process(batchOf(text), NOW_MS).records.count).toBe(lines.length);
      }),
    );
  });
});
