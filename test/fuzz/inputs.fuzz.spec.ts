import { gzipSync } from 'node:zlib';
import { describe } from '@jest/globals';
import { ForwardError, ForwardServer, MsgpackWriter } from '#libs/forward';
import { parseSyslog, SyslogSplitter } from '#libs/syslog';
import { itWithstands, promise } from './fuzz.ts';
import { tokensOf } from './hostile-input.ts';

const MAX_MESSAGE_BYTES = 300;
const CLOCK = { nowMs: Date.UTC(2026, 1, 28, 23, 59), zoneMinutes: 60 };

function encode(value: unknown): Buffer {
  const writer = new MsgpackWriter();
  writer.value(value);
  return Buffer.from(writer.written);
}

const ENTRIES = Buffer.concat([
  Buffer.from('92d700654a1b2c0000000182a76d657373616765a26869a16101', 'hex'),
  encode([5, { log: 'x', deep: [{ a: null }, 1.5, true] }]),
]);
const MESSAGES = [
  encode(['tag', 5, { a: 1 }, { chunk: 'c' }]),
  encode([
    'tag',
    [
      [5, { a: 1 }],
      [[6, {}], { b: 'x'.repeat(40) }],
    ],
    { size: 2 },
  ]),
  encode(['tag', ENTRIES, { chunk: 'c', size: 2 }]),
  encode(['tag', gzipSync(ENTRIES), { compressed: 'gzip' }]),
  encode(null),
];

function serve(server: ForwardServer, input: Buffer): number {
  let records = 0;
  for (const event of server.receive(input)) {
    if (event.kind !== 'arrived') continue;
    const { entries } = event.arrival;
    while (entries.next()) {
      const fields = entries.fields();
      for (let i = 0; i < entries.fieldCount * 2; i++) fields.readValue();
      promise(fields.isAtEnd, 'a record ends elsewhere than its fields');
      records++;
    }
  }
  return records;
}

describe('inputs', () => {
  itWithstands({
    name: 'the forward server',
    corpus: MESSAGES,
    tokens: [
      '\x93',
      '\xa3tag',
      '\xc6\xff\xff\xff\xff',
      '\xdd\x7f\xff\xff\xff',
      '\x81\xa1a',
      '\xc0',
      '\xd7\x00',
    ],
    refusals: [ForwardError],
    decode: (input) => {
      const server = new ForwardServer({
        hostname: 'h',
        sharedKey: null,
        users: new Map(),
        nonce: Buffer.alloc(16),
        authSalt: Buffer.alloc(16),
        maxMessageBytes: 4_096,
      });
      const records = serve(server, input);
      promise(server.pendingBytes <= input.length, 'more kept than came');
      return records > 0;
    },
  });

  itWithstands({
    name: 'the forward server’s handshake',
    corpus: [encode(['PING', 'host', 'salt', 'd'.repeat(128), 'user', 'p'.repeat(128)])],
    tokens: ['\x96', '\xa4PING', '\xd9\x80', '\xc4\x10'],
    refusals: [ForwardError],
    decode: (input) => {
      const server = new ForwardServer({
        hostname: 'h',
        sharedKey: 'key',
        users: new Map([['user', 'password']]),
        nonce: Buffer.alloc(16, 1),
        authSalt: Buffer.alloc(16, 2),
        maxMessageBytes: 4_096,
      });
      for (const event of server.receive(input)) {
        promise(event.kind === 'refused', 'a stranger got through');
      }
      promise(!server.isReady, 'a stranger got through');
      return true;
    },
  });

  itWithstands({
    name: 'syslog streams',
    corpus: [
      '<34>1 2003-10-11T22:14:15.003Z mymachine su - ID47 - text\n<13>Oct 11 22:14:15 h tag[1]: x\r\n',
      '57 <165>1 2003-08-24T05:14:15-07:00 h p 8710 - [a@1 x="\\"]\\\\"] m<0>x\n',
      '<13>2026-01-02T03:04:05Z h a: x\n<34>Dec 31 2024 23:59:59: %ASA-6: x\n5 <1>ab',
    ],
    tokens: tokensOf(
      '<34> <191> <192> 1␣ -␣ [a@1␣x="y"] [] ]" \\" Feb␣29␣23:59:59␣ Jan␣␣1 tag[1]: 999999999␣ 10␣ ⏎ ␣',
    ),
    refusals: [],
    decode: (input, random) => {
      const splitter = new SyslogSplitter(MAX_MESSAGE_BYTES);
      let length = 0;
      const check = (message: Buffer): void => {
        promise(message.length <= MAX_MESSAGE_BYTES, 'a message longer than accepted');
        length += message.length;
        const parsed = parseSyslog(message, CLOCK);
        promise(parsed.message.length <= message.length, 'a message longer than what was sent');
        promise(parsed.form === 'none' || parsed.severity !== '', 'a priority without a severity');
      };
      for (let at = 0; at < input.length;) {
        const end = Math.min(input.length, at + 1 + random.below(64));
        splitter.push(input.subarray(at, end)).forEach(check);
        promise(splitter.pendingBytes <= MAX_MESSAGE_BYTES + 74, 'too much kept');
        at = end;
      }
      const rest = splitter.end();
      if (rest !== null) check(rest);
      promise(length <= input.length, 'more came out than went in');
    },
  });
});
