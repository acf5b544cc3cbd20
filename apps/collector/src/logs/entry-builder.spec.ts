import { describe, expect, it } from '@jest/globals';
import { MsgpackReader, MsgpackWriter } from '#libs/forward';
import { LOG_LEVELS } from '#libs/log-pipeline';
import { CommonFields, EntryBuilder } from './entry-builder.ts';

const NOW_MS = 1_700_000_000_250;

function readAll(bytes: Buffer): unknown[] {
  const reader = new MsgpackReader(bytes);
  const entries: unknown[] = [];
  while (!reader.isAtEnd) entries.push(reader.readValue());
  return entries;
}

/** The record that comes of what a sender has sent. */
function built(record: object, common: Record<string, unknown> = {}): unknown {
  const writer = new MsgpackWriter();
  writer.value(record);
  const reader = new MsgpackReader(writer.written);
  reader.next();
  const builder = new EntryBuilder(new CommonFields(common));
  builder.begin(5, 6, NOW_MS);
  builder.fieldsFrom(reader, reader.count);
  builder.end();
  const [entry] = readAll(builder.take()) as [[unknown, unknown]];
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
    ['no text', { message: 5 }, { level: 'unknown' }],
    ['a level in it', { message: 'ERROR no' }, { level: 'error', message: 'ERROR no' }],
    ['a level beside it', { message: 'x', level: 'WARN' }, { level: 'warn', message: 'x' }],
    [
      'a level of another name',
      { message: 'x', severity: 'err' },
      { level: 'error', severity: 'err', message: 'x' },
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
    const reader = new MsgpackReader(raw);
    reader.next();
    const builder = new EntryBuilder(new CommonFields({}));
    builder.begin(5, 6, NOW_MS);
    builder.fieldsFrom(reader, reader.count);
    builder.end();
    expect(builder.take().includes(raw.subarray(1))).toBe(true);
  });

  it('have the present as their time where they tell none', () => {
    const builder = new EntryBuilder(new CommonFields({}));
    for (const [seconds, nanos] of [
      [Number.NaN, 0],
      [-1, 0],
      [7, 8],
    ] as const) {
      builder.begin(seconds, nanos, NOW_MS);
      builder.end();
    }
    const times = readAll(builder.take()).map((entry) => {
      const { bytes } = (entry as [{ bytes: Buffer }])[0];
      return [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
    });
    expect(times).toEqual([
      [1_700_000_000, 250_000_000],
      [1_700_000_000, 250_000_000],
      [7, 8],
    ]);
    expect(builder.count).toBe(3);
    expect(builder.levels[LOG_LEVELS.indexOf('unknown')]).toBe(3);
  });

  it('leave out fields without a value, and second messages', () => {
    const builder = new EntryBuilder(new CommonFields({ level: 'x', message: 'y' }));
    builder.begin(5, 6, NOW_MS);
    for (const [name, value] of [
      ['a', ''],
      ['b', null],
      ['message', 'no'],
      ['c', 0],
    ] as const) {
      builder.field(name, value);
    }
    builder.level(LOG_LEVELS.indexOf('fatal'));
    builder.message(Buffer.from('yes'));
    builder.end();
    expect(readAll(builder.take())).toMatchObject([[{}, { level: 'fatal', c: 0, message: 'yes' }]]);
  });
});
