import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ForwardClient } from './forward-client.ts';
import { ForwardError } from './forward-error.ts';
import { encodeForwardMessage } from './forward-message.ts';
import {
  encodeAcknowledgement,
  ForwardServer,
  type ForwardServerOptions,
} from './forward-server.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { MsgpackWriter } from './msgpack-writer.ts';

const KEYLESS: ForwardServerOptions = {
  hostname: 'node-1',
  sharedKey: null,
  users: new Map(),
  nonce: Buffer.alloc(16, 1),
  authSalt: Buffer.alloc(16, 2),
  maxMessageBytes: 64 * 1024,
};
const KEYED: ForwardServerOptions = {
  ...KEYLESS,
  sharedKey: 'secret',
  users: new Map([['ann', 'pw']]),
};

function encode(value: unknown): Buffer {
  const writer = new MsgpackWriter();
  writer.value(value);
  return Buffer.from(writer.written);
}

function packed(...records: object[]): Buffer {
  const writer = new MsgpackWriter();
  for (const [i, record] of records.entries()) {
    writer.arrayHeader(2);
    writer.eventTime(1_700_000_000, i);
    writer.value(record);
  }
  return Buffer.from(writer.written);
}

/** `TAG CHUNK SECONDS.NANOS {record}` of each record, with what was sent and refused in between. */
function tell(server: ForwardServer, bytes: Uint8Array): string[] {
  const told: string[] = [];
  for (const event of server.receive(bytes)) {
    if (event.kind !== 'arrived') {
      told.push(event.kind === 'send' ? 'send' : `refused: ${event.reason}`);
      continue;
    }
    const { tag, chunk, entries } = event.arrival;
    while (entries.next()) {
      const record: Record<string, unknown> = {};
      const fields = entries.fields();
      for (let i = 0; i < entries.fieldCount; i++) {
        record[String(fields.readValue())] = fields.readValue();
      }
      told.push(`${tag} ${chunk} ${entries.seconds}.${entries.nanos} ${JSON.stringify(record)}`);
    }
  }
  return told;
}

function shake(user: { name: string; password: string } | null, key: string): string {
  const server = new ForwardServer(KEYED);
  const client = new ForwardClient({
    hostname: 'app',
    sharedKey: key,
    user,
    salt: Buffer.alloc(16, 3),
  });
  const [ping] = client.receive(server.greeting()!);
  for (const event of server.receive((ping as { bytes: Buffer }).bytes)) {
    if (event.kind === 'arrived') throw new Error('not yet');
    try {
      return client.receive(event.bytes)[0]!.kind;
    } catch (error) {
      return (error as Error).message;
    }
  }
  return 'nothing';
}

/** What else than a ForwardError was thrown. */
function failureOf(body: () => unknown): string {
  try {
    body();
    return '';
  } catch (error) {
    return error instanceof ForwardError ? '' : String(error);
  }
}

describe('a forward server', () => {
  const entries = packed({ message: 'a' }, { message: 'b', n: 7 });
  it.each<readonly [string, Buffer, readonly string[]]>([
    ['Message', encode(['t', 5, { a: 1 }]), ['t null 5.0 {"a":1}']],
    ['Message with a chunk', encode(['t', 5, { a: 1 }, { chunk: 'c' }]), ['t c 5.0 {"a":1}']],
    [
      'Forward',
      encode([
        't',
        [
          [5, { a: 1 }],
          [6, {}],
        ],
        { chunk: 'c', size: 2 },
      ]),
      ['t c 5.0 {"a":1}', 't c 6.0 {}'],
    ],
    [
      'PackedForward',
      encode(['t', entries, { chunk: 'c' }]),
      ['t c 1700000000.0 {"message":"a"}', 't c 1700000000.1 {"message":"b","n":7}'],
    ],
    [
      'PackedForward without options',
      encode(['t', entries]),
      ['t null 1700000000.0 {"message":"a"}', 't null 1700000000.1 {"message":"b","n":7}'],
    ],
    [
      'CompressedPackedForward',
      encode(['t', gzipSync(packed({ a: 1 })), { chunk: 'c', compressed: 'gzip' }]),
      ['t c 1700000000.0 {"a":1}'],
    ],
    [
      'CompressedPackedForward in two gzip members',
      encode([
        't',
        Buffer.concat([gzipSync(packed({ a: 1 })), gzipSync(packed({ b: 1 }))]),
        { compressed: 'gzip' },
      ]),
      ['t null 1700000000.0 {"a":1}', 't null 1700000000.0 {"b":1}'],
    ],
    [
      'zstd',
      encode(['t', zstdCompressSync(packed({ a: 1 })), { compressed: 'zstd' }]),
      ['t null 1700000000.0 {"a":1}'],
    ],
    ['entries with metadata', encode(['t', [[[5, { m: 1 }], { a: 1 }]]]), ['t null 5.0 {"a":1}']],
    ['no time', encode(['t', null, { a: 1 }]), ['t null NaN.0 {"a":1}']],
    ['a time before the epoch', encode(['t', -5, { a: 1 }]), ['t null NaN.0 {"a":1}']],
    ['a heartbeat', encode(null), []],
    ['logs by their signal', encode(['t', [[5, {}]], { fluent_signal: 0 }]), ['t null 5.0 {}']],
    ['no records', encode(['t', []]), []],
  ])('takes %s', (_name, message, told) => {
    expect(tell(new ForwardServer(KEYLESS), message)).toEqual(told);
  });

  it.each<readonly [string, Buffer, RegExp]>([
    ['a number', encode(5), /not an array/],
    ['an array of one', encode(['t']), /not an array of two to four/],
    ['a tag that is none', encode([5, 5, {}]), /without a tag/],
    ['an overlong tag', encode(['t'.repeat(1_025), 5, {}]), /tag of more than 1024/],
    ['no record', encode(['t', 5]), /without a record/],
    ['a record that is a list', encode(['t', 5, []]), /record is a array/],
    ['a time that is text', encode(['t', [['now', {}]]]), /time is a text/],
    ['an entry of three', encode(['t', [[5, {}, 1]]]), /not an array of a time and a record/],
    ['options that are text', encode(['t', [], 'x']), /options of a message/],
    ['an overlong chunk', encode(['t', [], { chunk: 'c'.repeat(1_025) }]), /overlong chunk/],
    ['metrics', encode(['t', [], { fluent_signal: 1 }]), /metrics or traces/],
    [
      'unknown compression',
      encode(['t', entries, { compressed: 'lz4' }]),
      /accepted are text, gzip/,
    ],
    ['broken gzip', encode(['t', entries, { compressed: 'gzip' }]), /cannot be unpacked/],
    [
      'a bomb',
      encode(['t', gzipSync(Buffer.alloc(1024 * 1024)), { compressed: 'gzip' }]),
      /unpack to more than 65536 bytes/,
    ],
    ['entries that end in the middle', encode(['t', entries.subarray(0, 20)]), /ends inside/],
    [
      'nesting',
      Buffer.concat([
        Buffer.from([0x93, 0xa1, 0x74, 0x05, 0x81, 0xa1, 0x61]),
        Buffer.alloc(60, 0x91),
        Buffer.from([0xc0]),
      ]),
      /nested more than/,
    ],
  ])('refuses %s', (_name, message, reason) => {
    const attempt = (): string[] => tell(new ForwardServer(KEYLESS), message);
    expect(attempt).toThrow(ForwardError);
    expect(attempt).toThrow(reason);
  });

  it('refuses a message that is too large before it is there', () => {
    const server = new ForwardServer(KEYLESS);
    expect(() =>
      tell(server, Buffer.from([0x92, 0xa1, 0x74, 0xc6, 0x7f, 0xff, 0xff, 0xff])),
    ).toThrow(/more than 65536 bytes/);
  });

  it('shows and asks for the key and the user', () => {
    expect(shake({ name: 'ann', password: 'pw' }, 'secret')).toBe('ready');
    expect(shake({ name: 'ann', password: 'pw' }, 'other')).toMatch(/shared key mismatch/);
    expect(shake({ name: 'ann', password: 'no' }, 'secret')).toMatch(/username\/password mismatch/);
    expect(shake({ name: 'bob', password: '' }, 'secret')).toMatch(/username\/password mismatch/);
  });

  it('takes nothing before the key, and little', () => {
    expect(() => tell(new ForwardServer(KEYED), encode(['t', 5, { a: 1 }]))).toThrow(/PING/);
    const server = new ForwardServer({ ...KEYED, maxMessageBytes: 1024 * 1024 });
    const large = Buffer.alloc(70_000, 1);
    large.writeUInt32BE(0xc6_00_0f_ff, 0);
    expect(() => tell(server, large)).toThrow(/before it has shown/);
  });

  it('says nothing more after a refusal', () => {
    const server = new ForwardServer(KEYED);
    const ping = encode(['PING', 'app', 'salt', 'wrong', '', '']);
    expect(tell(server, Buffer.concat([ping, ping]))).toEqual(['refused: shared key mismatch']);
    expect(tell(server, encode(['t', 5, {}]))).toEqual([]);
  });

  it('acknowledges by the chunk’s name', () => {
    expect(new MsgpackReader(encodeAcknowledgement('c')).readValue()).toEqual({ ack: 'c' });
  });

  it('understands the same however the stream is cut', () => {
    const message = Buffer.concat([
      ...encodeForwardMessage({
        tag: 't',
        entries: [entries],
        count: 2,
        chunk: 'c',
        isCompressed: true,
      }),
      encode(['u', 5, { a: 'ü' }]),
    ]);
    const whole = tell(new ForwardServer(KEYLESS), message);
    expect(whole).toHaveLength(3);
    fc.assert(
      fc.property(fc.array(fc.nat(message.length), { maxLength: 8 }), (cuts) => {
        const server = new ForwardServer(KEYLESS);
        const places = [0, ...cuts.toSorted((a, b) => a - b), message.length];
        const told = places
          .slice(1)
          .flatMap((end, i) => tell(server, message.subarray(places[i], end)));
        expect(told).toEqual(whole);
        expect(server.pendingBytes).toBe(0);
      }),
    );
  });

  it('throws nothing but ForwardError, whatever it is sent', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isArray) => {
        const message = isArray ? Buffer.concat([Buffer.from([0x93, 0xa1, 0x74]), bytes]) : bytes;
        expect(failureOf(() => tell(new ForwardServer(KEYLESS), message))).toBe('');
      }),
    );
  });
});
