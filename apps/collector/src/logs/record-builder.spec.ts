import { describe, expect, it } from '@jest/globals';
import { EntryEncoder, MsgpackReader, MsgpackWriter } from '#libs/forward';
import { LOG_LEVELS, type LogSource } from '#libs/log-pipeline';
import { RecordBuilder } from './record-builder.ts';

const NOW_MS = 1_700_000_000_250;

function readAll(bytes: Buffer): unknown[] {
  const reader = new MsgpackReader(bytes);
  const entries: unknown[] = [];
  while (!reader.isAtEnd) entries.push(reader.readValue());
  return entries;
}

const IDENTITY = { namespace: '', pod: '', container: '', workload: '' };

function sourceOf(attributes: Record<string, unknown>): LogSource {
  return { path: '', podPath: null, pod: null, identity: IDENTITY, attributes };
}

function entriesOf(builder: RecordBuilder): Buffer {
  return Buffer.concat(
    builder.parts.map(
      ({ source, records }) => new EntryEncoder(source.attributes, true).encode(records, 0).bytes,
    ),
  );
}

function sent(bytes: Buffer, common: Record<string, unknown> = {}): RecordBuilder {
  const reader = new MsgpackReader(bytes);
  reader.next();
  const builder = new RecordBuilder(bytes);
  builder.begin(sourceOf(common), 5, 6, NOW_MS);
  builder.fieldsFrom(reader, reader.count);
  builder.end();
  return builder;
}

/** The record that comes of what a sender has sent. */
function built(record: object, common: Record<string, unknown> = {}): unknown {
  const writer = new MsgpackWriter();
  writer.value(record);
  const [entry] = readAll(entriesOf(sent(writer.written, common))) as [[unknown, unknown]];
  return { ...(entry[1] as object) };
}

describe('entries of records that were sent', () => {
  it.each<readonly [string, object, object]>([
    ['message', { message: 'hi', a: 1 }, { a: 1, level: 'unknown', message: 'hi' }],
    ['log, as container engines say it', { log: 'hi\r\n' }, { level: 'unknown', message: 'hi' }],
    ['msg', { msg: 'hi' }, { level: 'unknown', message: 'hi' }],
    [
      'the best known of several names',
      { msg: 'a', log: 'b', message: 'c' },
      { level: 'unknown', msg: 'a', log: 'b', message: 'c' },
    ],
    [
      'the best known in any order',
      { message: 'c', msg: 'a' },
      { level: 'unknown', msg: 'a', message: 'c' },
    ],
    ['none', { a: { b: [1] } }, { level: 'unknown', a: { b: [1] } }],
    ['no text', { message: 5 }, { level: 'unknown', log_message: 5 }],
    ['text that is empty', { message: '', a: 1 }, { level: 'unknown', a: 1 }],
    ['bytes', { log: Buffer.from('hi') }, { level: 'unknown', message: 'hi' }],
    ['a level in it', { message: 'ERROR no' }, { level: 'error', message: 'ERROR no' }],
    ['a level beside it', { message: 'x', level: 'WARN' }, { level: 'warn', message: 'x' }],
    [
      'a level of another name',
      { message: 'x', severity: 'err' },
      { level: 'error', severity: 'err', message: 'x' },
    ],
    [
      'a level that is none',
      { message: 'x', level: 'high' },
      { level: 'unknown', log_level: 'high', message: 'x' },
    ],
    [
      'a stream',
      { message: 'x', stream: 'stderr' },
      { level: 'unknown', stream: 'stderr', message: 'x' },
    ],
    [
      'a stream that is none',
      { message: 'x', stream: 'b' },
      { level: 'unknown', log_stream: 'b', message: 'x' },
    ],
    [
      'anything else beside',
      { a: true, b: null, c: 1.5, d: [1, { e: 'f' }], g: 1e300, h: '' },
      { level: 'unknown', a: true, b: null, c: 1.5, d: [1, { e: 'f' }], g: 1e300, h: '' },
    ],
    ['a level as a number', { message: 'x', level: 50 }, { level: 'error', message: 'x' }],
  ])('have a message from %s', (_name, record, expected) => {
    expect(built(record)).toEqual(expected);
  });

  it('do not replace what is known of their sender', () => {
    expect(built({ pod: 'other', namespace: 'kube-system', a: 1 }, { pod: 'web' })).toEqual({
      pod: 'web',
      namespace: 'kube-system',
      level: 'unknown',
      a: 1,
    });
  });

  it('keep integers as they are, however large', () => {
    const raw = Buffer.from('81a16ecfffffffffffffffff', 'hex');
    expect(entriesOf(sent(raw)).includes(raw.subarray(1))).toBe(true);
  });

  it('have the present as their time where they tell none', () => {
    const builder = new RecordBuilder();
    for (const [seconds, nanos] of [
      [Number.NaN, 0],
      [-1, 0],
      [7, 8],
    ] as const) {
      builder.begin(sourceOf({}), seconds, nanos, NOW_MS);
      builder.end();
    }
    const sources = new Set(builder.parts.map(({ source }) => source));
    expect(sources.size).toBe(3);
    const times = readAll(entriesOf(builder)).map((entry) => {
      const { bytes } = (entry as [{ bytes: Buffer }])[0];
      return [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
    });
    expect(times).toEqual([
      [1_700_000_000, 250_000_000],
      [1_700_000_000, 250_000_000],
      [7, 8],
    ]);
    expect(builder.count).toBe(3);
  });

  it('leave out fields without a value, and tell of those that would pass for ours', () => {
    const builder = new RecordBuilder();
    builder.begin(sourceOf({ rack: 'r1' }), 5, 6, NOW_MS);
    for (const [name, value] of [
      ['a', ''],
      ['b', null],
      ['message', 'no'],
      ['rack', 'r2'],
      ['__proto__', 'p'],
      ['c', 0],
    ] as const) {
      builder.field(name, value);
    }
    builder.level(LOG_LEVELS.indexOf('fatal'));
    builder.message(Buffer.from('yes'));
    builder.end();
    const [entry] = readAll(entriesOf(builder)) as [[unknown, object]];
    expect(Object.entries(entry[1])).toEqual([
      ['rack', 'r1'],
      ['level', 'fatal'],
      ['message', 'yes'],
      ['log_message', 'no'],
      ['__proto__', 'p'],
      ['c', 0],
    ]);
  });

  it('keep their order, sender by sender', () => {
    const builder = new RecordBuilder();
    const [a, b] = [sourceOf({ of: 'a' }), sourceOf({ of: 'b' })];
    // More than a batch has room for at first.
    for (let i = 0; i < 300; i++) {
      builder.begin(i % 3 === 0 ? a : b, i, 0, NOW_MS);
      builder.field('number', i);
      builder.message(Buffer.from(`m${i}`));
      builder.end();
    }
    const found = readAll(entriesOf(builder)).map((entry) => (entry as [unknown, object])[1]);
    const expected = [...Array(300).keys()].map((i) => ({
      of: i % 3 === 0 ? 'a' : 'b',
      level: 'unknown',
      message: `m${i}`,
      number: i,
    }));
    expect(found).toEqual([
      ...expected.filter((record) => record.of === 'a'),
      ...expected.filter((record) => record.of === 'b'),
    ]);
  });

  it('have at most 1,024 fields', () => {
    const record = Object.fromEntries([...Array(2_000).keys()].map((i) => [`f${i}`, i]));
    const writer = new MsgpackWriter();
    writer.value(record);
    const builder = sent(writer.written);
    expect(builder.cutRecords).toBe(1);
    const [entry] = readAll(entriesOf(builder)) as [[unknown, object]];
    expect(Object.keys(entry[1])).toHaveLength(1_025);
    expect(sent(Buffer.from('81a16101', 'hex')).cutRecords).toBe(0);
  });
});
