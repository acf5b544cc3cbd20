import { describe, expect, it } from '@jest/globals';
import { ForwardError, ForwardServer } from '#libs/forward';
import { decodeOtlpLogsJson, decodeOtlpLogsProtobuf, mapLogs, OtlpError } from '#libs/otlp';
import { itWithstands, promise } from './fuzz.ts';

const LIMITS = { maxElements: 2_000, maxDepth: 20, maxAttributes: 16 };

/** A record `a` of severity 9 at a time, with an attribute `b` of a list of one text. */
const RECORD = '09000000000000f03f10092a030a0161320c0a016212072a050a030a0163';
const PROTOBUF = [
  Buffer.from(nested('0a', nested('12', nested('12', RECORD))), 'hex'),
  Buffer.from(nested('0a', nested('0a', '0a090a016b12040a0276') + nested('12', '12020801')), 'hex'),
];
const JSON_TEXTS = [
  '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"scopeLogs":' +
    '[{"scope":{"name":"n"},"logRecords":[{"timeUnixNano":"1700000000000000000","severityNumber":"SEVERITY_NUMBER_INFO",' +
    '"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"bytesValue":"aGk="}]}}}]}},' +
    '"attributes":[{"key":"b","value":{"doubleValue":1.5}}],"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174"}]}]}]}',
];

function nested(tag: string, hex: string): string {
  return tag + (hex.length / 2).toString(16).padStart(2, '0') + hex;
}

function check(request: Parameters<typeof mapLogs>[0]): boolean {
  const { groups, counts } = mapLogs(request, LIMITS);
  let records = 0;
  for (const { records: sent } of groups) {
    for (const { seconds, nanos, body, attributes, severityNumber } of sent) {
      records++;
      promise(Number.isNaN(seconds) || seconds >= 0, 'a time before 1970');
      promise(nanos >= 0 && nanos < 1e9, 'more than a second in nanoseconds');
      promise(body === null || body.isWellFormed(), 'a body that is no text');
      promise(attributes.size <= LIMITS.maxAttributes, 'more attributes than accepted');
      promise(severityNumber >= 0 && severityNumber <= 24, 'a severity that there is not');
    }
  }
  promise(
    records + counts.rejected === counts.records,
    'records that are neither taken nor refused',
  );
  return records > 0;
}

describe('OTLP logs', () => {
  itWithstands({
    name: 'OTLP logs, protobuf',
    corpus: PROTOBUF,
    tokens: ['\x0a', '\x12', '\x2a', '\x32\x04', '\x00', '\x7f', '\x0a\xff\xff\xff\xff\x0f'],
    refusals: [OtlpError],
    decode: (input) => check(decodeOtlpLogsProtobuf(input, LIMITS)),
  });
  itWithstands({
    name: 'OTLP logs, JSON',
    corpus: JSON_TEXTS,
    tokens: [
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      '"NaN"',
      '-1',
      '1e400',
      'null',
      '"__proto__":{}',
      '\\ud800',
    ],
    refusals: [OtlpError],
    decode: (input) => check(decodeOtlpLogsJson(input.toString('utf8'), LIMITS)),
  });
});

/** Larger than the stack of any that would go down by calling itself. */
const DEEP = 1_000_000;

function serve(input: Buffer): number {
  const server = new ForwardServer({
    hostname: 'h',
    sharedKey: null,
    users: new Map(),
    nonce: Buffer.alloc(16),
    authSalt: Buffer.alloc(16),
    maxMessageBytes: 16 * 1024 * 1024,
  });
  let records = 0;
  for (const event of server.receive(input)) {
    if (event.kind !== 'arrived') continue;
    while (event.arrival.entries.next()) records++;
  }
  return records;
}

function repeated(hex: string): Buffer {
  return Buffer.from(hex.repeat(DEEP), 'hex');
}

describe('bombs', () => {
  const begin = Buffer.from('93a17405', 'hex');

  it.each([
    [
      'lists in lists as a record',
      Buffer.concat([begin, repeated('91'), Buffer.from('c0', 'hex')]),
    ],
    [
      'maps in maps as a record',
      Buffer.concat([begin, repeated('81a161'), Buffer.from('c0', 'hex')]),
    ],
    [
      'lists in lists as options',
      Buffer.concat([Buffer.from('94a1740580', 'hex'), repeated('91'), Buffer.from('c0', 'hex')]),
    ],
    ['a list that says it has four billion items', Buffer.from('93a17405ddffffffff', 'hex')],
    ['a text that says it has four billion bytes', Buffer.from('93a17405dbffffffff', 'hex')],
    [
      'lists of four billion lists of four billion',
      Buffer.from(`93a174${'ddffffffff'.repeat(1_000)}`, 'hex'),
    ],
  ])('of %s are refused by the forward server', (_, bytes) => {
    expect(() => serve(bytes)).toThrow(ForwardError);
  });

  it('of attribute values in attribute values are refused in JSON', () => {
    const value = `${'{"arrayValue":{"values":['.repeat(100_000)}${']}}'.repeat(100_000)}`;
    const text = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${value}}]}]}]}`;
    expect(() => decodeOtlpLogsJson(text)).toThrow('messages nested deeper than 40');
  });

  it('of attribute values in attribute values are refused in protocol buffers', () => {
    let bytes = Buffer.alloc(0);
    for (let depth = 0; depth < 2_000; depth++) {
      // arrayValue { values { … } }
      bytes = Buffer.concat([
        Buffer.from([0x2a]),
        varint(bytes.length + 1 + sizeOf(bytes.length)),
        Buffer.from([0x0a]),
        varint(bytes.length),
        bytes,
      ]);
    }
    for (const tag of [0x2a, 0x12, 0x12, 0x0a]) {
      bytes = Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
    }
    expect(() => decodeOtlpLogsProtobuf(bytes)).toThrow('messages nested deeper than 40');
  });
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function sizeOf(value: number): number {
  return varint(value).length;
}
