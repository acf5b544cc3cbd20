import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LinePipeline, RecordParser } from '#libs/log-pipeline';
import type { LineBatch } from '#libs/log-tail';
import { EntryEncoder } from './entry-encoder.ts';
import { ForwardClient } from './forward-client.ts';
import { ForwardError } from './forward-error.ts';
import { encodeForwardMessage } from './forward-message.ts';
import { keyDigest, passwordDigest } from './handshake.ts';
import { MessageSplitter } from './message-splitter.ts';
import { type MsgpackExtension, MsgpackReader } from './msgpack-reader.ts';
import { MsgpackWriter } from './msgpack-writer.ts';

function packed(value: unknown): Buffer {
  const writer = new MsgpackWriter();
  writer.value(value);
  return Buffer.from(writer.written);
}

function unpacked(bytes: Buffer): unknown {
  return JSON.parse(JSON.stringify(new MsgpackReader(bytes).readValue()));
}

function batchOf(lines: readonly (string | Buffer)[]): LineBatch {
  const starts: number[] = [];
  const ends: number[] = [];
  const pieces: Buffer[] = [];
  let length = 0;
  for (const line of lines) {
    const bytes = Buffer.from(line as string);
    starts.push(length);
    ends.push(length + bytes.length);
    pieces.push(bytes, Buffer.from('\n'));
    length += bytes.length + 1;
  }
  return {
    group: 'g',
    path: '/p',
    fileKey: 'k',
    bytes: Buffer.concat(pieces),
    lineCount: lines.length,
    lineStarts: Uint32Array.from(starts),
    lineEnds: Uint32Array.from(ends),
    firstOffset: 0,
    endOffset: length,
  };
}

interface Entry {
  readonly time: readonly [number, number];
  readonly record: unknown;
}

function entriesOf(bytes: Buffer): Entry[] {
  const reader = new MsgpackReader(bytes);
  const entries: Entry[] = [];
  while (!reader.isAtEnd) {
    const [time, record] = reader.readValue() as [MsgpackExtension, unknown];
    expect(time.type).toBe(0);
    entries.push({
      time: [time.bytes.readUInt32BE(0), time.bytes.readUInt32BE(4)],
      record: JSON.parse(JSON.stringify(record)),
    });
  }
  return entries;
}

function pushHex(hex: string): void {
  const splitter = new MessageSplitter(1000);
  splitter.push(Buffer.from(hex, 'hex'));
  splitter.next();
}

function pong(digest: string, isAccepted = true): Buffer {
  return packed(['PONG', isAccepted, 'bad key', 'server', digest]);
}

const JSON_VALUE = fc
  .jsonValue({ maxDepth: 6 })
  .filter(
    (value) => !JSON.stringify(value).includes('-0') && JSON.stringify(value) !== '"__proto__"',
  );

describe('MessagePack', () => {
  it('says what JSON says, of any length', () => {
    fc.assert(
      fc.property(JSON_VALUE, (value) => {
        expect(unpacked(packed(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
      const text = 'x'.repeat(length);
      const list = Array.from({ length }, (_, i) => i);
      const map = Object.fromEntries(list.map((i) => [`k${i}`, i]));
      expect(unpacked(packed({ text, list, map }))).toEqual({ text, list, map });
      const bytes = Buffer.alloc(length, 7);
      expect(new MsgpackReader(packed(bytes)).readValue()).toEqual(bytes);
    }
  });

  it('has the bytes of the specification', () => {
    expect(packed([1, -1, 'a', null, true, 1.5, { k: [] }]).toString('hex')).toBe(
      '9701d3ffffffffffffffffa161c0c3cb3ff800000000000081a16b90',
    );
    const writer = new MsgpackWriter();
    writer.eventTime(1, 2);
    writer.eventTime(-5, 0);
    expect(writer.written.toString('hex')).toBe('d7000000000100000002d7000000000000000000');
  });

  it('reads every number form', () => {
    const forms: [string, number][] = [
      ['7f', 127],
      ['e0', -32],
      ['ccff', 255],
      ['cd0100', 256],
      ['ceffffffff', 4_294_967_295],
      ['cf0000000100000000', 4_294_967_296],
      ['d080', -128],
      ['d1ff00', -256],
      ['d2ffffff00', -256],
      ['d3ffffffffffffff00', -256],
      ['ca3fc00000', 1.5],
      ['cb3ff8000000000000', 1.5],
    ];
    for (const [hex, value] of forms) {
      expect(new MsgpackReader(Buffer.from(hex, 'hex')).readValue()).toBe(value);
    }
  });

  it('takes any bytes for a value or an error, never for more', () => {
    const wrong: unknown[] = [];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const read = (body: (reader: MsgpackReader) => void): void => {
          try {
            body(new MsgpackReader(Buffer.from(bytes)));
          } catch (error) {
            if (!(error instanceof ForwardError)) wrong.push(error);
          }
        };
        read((reader) => reader.readValue());
        read((reader) => reader.skip());
      }),
      { numRuns: 2000 },
    );
    expect(wrong).toEqual([]);
  });

  it('refuses lists that promise more than there is, and what is too deep', () => {
    expect(() => new MsgpackReader(Buffer.from('ddffffffff', 'hex')).readValue()).toThrow(
      'ends inside a list',
    );
    expect(() => new MsgpackReader(Buffer.alloc(100, 0x91)).readValue()).toThrow('nested');
    let deep: unknown = 1;
    for (let i = 0; i < 40; i++) deep = [deep];
    expect(() => packed(deep)).toThrow('nested');
  });

  it('keeps a key __proto__ what it is: a key', () => {
    const bytes = packed(JSON.parse('{"__proto__": {"polluted": 1}}'));
    const value = new MsgpackReader(bytes).readValue() as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('messages of a stream', () => {
  it('are found however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(JSON_VALUE, { maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (values, sizes) => {
          const stream = Buffer.concat(values.map(packed));
          const splitter = new MessageSplitter(1 << 20);
          const found: unknown[] = [];
          for (let at = 0; at < stream.length;) {
            const size = sizes.next().value;
            splitter.push(stream.subarray(at, at + size));
            at += size;
            for (let m = splitter.next(); m !== null; m = splitter.next()) found.push(unpacked(m));
          }
          expect(found).toEqual(JSON.parse(JSON.stringify(values)));
          expect(splitter.pendingBytes).toBe(0);
        },
      ),
    );
  });

  it('are refused when they are too large, before they have arrived', () => {
    expect(() => pushHex('c6ffffffff')).toThrow('more than 1000 bytes');
    expect(() => pushHex('ddffffffff')).toThrow('more than 1000 bytes');
    expect(() => pushHex('c1')).toThrow('begins no value');
    expect(() => pushHex('c403')).not.toThrow();
  });

  it('take a time that grows with their length, not with their pieces', () => {
    const bytes = packed(Array.from({ length: 50_000 }, (_, i) => i));
    const splitter = new MessageSplitter(1 << 20);
    let messages = 0;
    for (const byte of bytes) {
      splitter.push(Uint8Array.of(byte));
      if (splitter.next() !== null) messages++;
    }
    expect(messages).toBe(1);
  });
});

describe('entries of log records', () => {
  const encoder = new EntryEncoder({ file: '/p', team: 'shop', message: 'not taken' });

  it('have time, attributes, level, stream and the message', () => {
    const pipeline = new LinePipeline({ format: 'cri' });
    const { records } = pipeline.process(
      batchOf([
        '2026-03-01T08:00:00.123456789Z stdout F INFO one',
        '2026-03-01T08:00:01Z stderr P ERROR t',
        '2026-03-01T08:00:02Z stderr F wo 🙂',
        'not CRI',
        '2026-03-01T08:00:03Z stdout F ',
      ]),
      0,
    );
    const { bytes, count } = encoder.encode(records, 5_250);
    expect(count).toBe(4);
    const common = { file: '/p', team: 'shop' };
    expect(entriesOf(bytes)).toEqual([
      {
        time: [1_772_352_000, 123_456_789],
        record: { ...common, level: 'info', stream: 'stdout', message: 'INFO one' },
      },
      {
        time: [1_772_352_002, 0],
        record: { ...common, level: 'error', stream: 'stderr', message: 'ERROR two 🙂' },
      },
      { time: [5, 250_000_000], record: { ...common, level: 'unknown', message: 'not CRI' } },
      {
        time: [1_772_352_003, 0],
        record: { ...common, level: 'unknown', stream: 'stdout', message: '' },
      },
    ]);
    const part = encoder.encode(records, 0, 1, 2);
    expect(entriesOf(part.bytes).map(({ record }) => record)).toEqual([
      { ...common, level: 'error', stream: 'stderr', message: 'ERROR two 🙂' },
    ]);
    expect(encoder.encode(records, 0, 2, 2)).toMatchObject({ count: 0 });
  });

  it('have the fields that a parser has found, numbers as numbers and objects as objects', () => {
    const deep = `${'['.repeat(40)}${']'.repeat(40)}`;
    const lines = [
      '{"n":1.5,"id":12345678901234567890,"ok":null,"o":{"a":[1,"b"]},"__proto__":{"x":1},"msg":"one"}',
      `{"deep":${deep},"level":"warn","file":"/etc/shadow"}`,
      Buffer.from('{"k\xff":"v\xff"}', 'latin1'),
      'not JSON',
      `{${Array.from({ length: 20 }, (_, i) => `"k${i}":${i}`).join()}}`,
    ];
    const { records } = new LinePipeline({ format: 'raw' }).process(batchOf(lines), 0);
    const parser = new RecordParser({ name: 'p', format: 'json' });
    const counters = { unparsedLines: 0, badTimes: 0 };
    for (let row = 0; row < records.count; row++) parser.apply(records, row, 0, counters);
    const { bytes } = new EntryEncoder({ file: '/p' }).encode(records, 0);
    const reader = new MsgpackReader(bytes);
    const told: object[] = [];
    while (!reader.isAtEnd) told.push({ ...(reader.readValue() as [unknown, object])[1] });
    expect(told.map((record): unknown => JSON.parse(JSON.stringify(record)))).toEqual([
      JSON.parse(
        '{"file":"/p","level":"unknown","message":"one","n":1.5,"id":"12345678901234567890","ok":null,"o":{"a":[1,"b"]},"__proto__":{"x":1}}',
      ),
      { file: '/p', level: 'warn', message: lines[1], deep, log_file: '/etc/shadow' },
      { file: '/p', level: 'unknown', message: '{"k\ufffd":"v\ufffd"}', 'k\ufffd': 'v\ufffd' },
      { file: '/p', level: 'unknown', message: 'not JSON' },
      expect.objectContaining({ k0: 0, k19: 19, file: '/p' }),
    ]);
  });

  it('are text also where the lines are not', () => {
    const pipeline = new LinePipeline({ format: 'raw' });
    const bad = Buffer.from([0x61, 0xff, 0x00, 0x62]);
    const { records } = pipeline.process(batchOf(['good é', bad, 'x'.repeat(70_000)]), 0);
    const messages = entriesOf(encoder.encode(records, 0).bytes).map(
      ({ record }) => (record as { message: string }).message,
    );
    expect(messages).toEqual(['good é', 'a\uFFFD\u0000b', 'x'.repeat(70_000)]);
  });
});

describe('a message', () => {
  it('has tag, entries, and chunk and size as options', () => {
    const entries = [packed([1, {}]), packed([2, {}])];
    const plain = encodeForwardMessage({
      tag: 't',
      entries,
      count: 2,
      chunk: 'abc',
      isCompressed: false,
    });
    expect(new MsgpackReader(Buffer.concat(plain)).readValue()).toEqual([
      't',
      Buffer.concat(entries),
      { size: 2, chunk: 'abc' },
    ]);
    const small = encodeForwardMessage({
      tag: 't',
      entries,
      count: 2,
      chunk: null,
      isCompressed: true,
    });
    const [, body, options] = new MsgpackReader(Buffer.concat(small)).readValue() as [
      string,
      Buffer,
      object,
    ];
    expect(gunzipSync(body)).toEqual(Buffer.concat(entries));
    expect(options).toEqual({ size: 2, compressed: 'gzip' });
  });
});

describe('the client', () => {
  const salt = Buffer.alloc(16, 1);
  const nonce = Buffer.alloc(16, 2);
  const make = (over: object = {}): ForwardClient =>
    new ForwardClient({
      hostname: 'node-1',
      sharedKey: 'key',
      user: { name: 'u', password: 'p' },
      salt,
      ...over,
    });
  it('proves that it knows key and password, and asks the same of the server', () => {
    const client = make();
    expect(client.isReady).toBe(false);
    const auth = Buffer.alloc(16, 3);
    const [ping] = client.receive(packed(['HELO', { nonce, auth, keepalive: true }]));
    expect(ping).toMatchObject({ kind: 'send' });
    expect(new MsgpackReader((ping as { bytes: Buffer }).bytes).readValue()).toEqual([
      'PING',
      'node-1',
      salt,
      keyDigest(salt, 'node-1', nonce, 'key'),
      'u',
      passwordDigest(auth, 'u', 'p'),
    ]);
    expect(client.receive(pong(keyDigest(salt, 'server', nonce, 'key')))).toEqual([
      { kind: 'ready' },
    ]);
    expect(client.isReady).toBe(true);
    expect(client.receive(packed({ ack: 'c1' }))).toEqual([{ kind: 'acknowledged', chunk: 'c1' }]);
  });

  it('goes away from a server that does not know the key, or refuses', () => {
    const first = make();
    first.receive(packed(['HELO', { nonce, auth: '', keepalive: true }]));
    expect(() => first.receive(pong(keyDigest(salt, 'server', nonce, 'other')))).toThrow(
      'does not know the shared key',
    );
    const second = make();
    second.receive(packed(['HELO', { nonce, auth: '', keepalive: true }]));
    expect(() => second.receive(pong('', false))).toThrow(
      'refused the shared key or user: bad key',
    );
  });

  it.each<[string, object, unknown[]]>([
    ['asks for a key that there is none', { sharedKey: null }, [['HELO', { nonce }]]],
    ['asks for a user that there is none', { user: null }, [['HELO', { nonce, auth: salt }]]],
    [
      'says HELO twice',
      {},
      [
        ['HELO', { nonce }],
        ['HELO', { nonce }],
      ],
    ],
    ['says PONG unasked', {}, [['PONG', true, '', 's', 'd']]],
    ['acknowledges before the handshake', {}, [{ ack: 'x' }]],
    ['says something else', { sharedKey: null }, ['hello']],
    ['says nothing', { sharedKey: null }, [null]],
  ])('goes away from a server that %s', (_name, over, messages) => {
    const client = make(over);
    expect(() => {
      for (const message of messages) client.receive(packed(message));
    }).toThrow(ForwardError);
  });

  it('is ready at once without a key', () => {
    expect(make({ sharedKey: null }).isReady).toBe(true);
  });
});
