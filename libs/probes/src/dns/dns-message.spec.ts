import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeDnsMessage, DNS_TYPES, DnsMessageError, encodeDnsQuery } from './dns-message.ts';

const QUESTION = encodeDnsQuery({
  id: 7,
  name: 'www.example.com',
  type: 1,
  class: 1,
  isRecursionDesired: true,
});

/** An answer to the question with one record of its name. */
function answerOf(type: number, data: readonly number[], count = 1): Buffer {
  const head = Buffer.from(QUESTION);
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(count, 6);
  const record = [0xc0, 12, type >> 8, type & 0xff, 0, 1, 0, 0, 1, 44, data.length >> 8];
  return Buffer.concat([head, Buffer.from([...record, data.length & 0xff, ...data])]);
}

function isReadOrRefused(bytes: Buffer): boolean {
  try {
    decodeDnsMessage(bytes);
    return true;
  } catch (error) {
    return error instanceof DnsMessageError;
  }
}

const bytesOf = (text: string) => [...Buffer.from(text, 'latin1')];

describe('a DNS message', () => {
  it('is asked as RFC 1035 has it', () => {
    expect(QUESTION.toString('hex')).toBe(
      '00070100000100000000000003777777076578616d706c6503636f6d0000010001',
    );
    expect(
      encodeDnsQuery({ id: 1, name: '.', type: 2, class: 1, isRecursionDesired: false }).length,
    ).toBe(17);
    for (const name of ['a..b', 'ä', 'x'.repeat(64), Array(130).fill('a').join('.'), 'a b']) {
      const query = { id: 1, name, type: 1, class: 1, isRecursionDesired: true };
      expect(() => encodeDnsQuery(query)).toThrow(DnsMessageError);
    }
  });

  it.each([
    ['A', [192, 0, 2, 1], '192.0.2.1'],
    ['AAAA', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], '2001:db8::1'],
    ['AAAA', Array<number>(16).fill(0), '::'],
    ['AAAA', [...Array<number>(10).fill(0), 255, 255, 10, 0, 0, 1], '::ffff:10.0.0.1'],
    ['AAAA', [0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7], '1:0:2:3:4:5:6:7'],
    ['CNAME', [1, 46, 0xc0, 16], String.raw`\..example.com.`],
    ['NS', [0], '.'],
    ['MX', [0, 10, 0xc0, 16], '10 example.com.'],
    ['SRV', [0, 1, 0, 2, 0x1f, 0x90, 0xc0, 12], '1 2 8080 www.example.com.'],
    ['TXT', [2, 97, 34, 1, 7, 0], String.raw`"a\"" "\007" ""`],
    ['CAA', [128, 5, ...bytesOf('issueca.example')], '128 issue "ca.example"'],
    ['DS', [0, 1, 8, 2, 0xab, 0xcd], '1 8 2 ABCD'],
    [
      'SOA',
      [0xc0, 16, 0xc0, 12, ...[1, 2, 3, 4, 5].flatMap((n) => [0, 0, 0, n])],
      'example.com. www.example.com. 1 2 3 4 5',
    ],
    ['HTTPS', [0, 1, 0], String.raw`\# 3 000100`],
  ] as const)('shows a record of type %s as a zone file does', (type, data, expected) => {
    const { rcode, answers } = decodeDnsMessage(answerOf(DNS_TYPES[type]!, data));
    expect(rcode).toBe('NOERROR');
    expect(answers[0]?.text).toBe(`www.example.com.\t300\tIN\t${type}\t${expected}`);
    expect(answers[0]?.serial).toBe(type === 'SOA' ? 1 : null);
  });

  it.each([
    ['that is too short', QUESTION.subarray(0, 11), /too short/],
    ['that promises more records than it has', answerOf(1, [1, 2, 3, 4], 2), /ends inside/],
    ['with a record longer than its data', answerOf(1, [1, 2, 3, 4, 5]), /5 bytes long/],
    ['with a record shorter than its data', answerOf(28, [1, 2, 3, 4]), /ends inside|bytes long/],
    ['with a name that points at itself', answerOf(2, [0xc0, 45]), /points forward/],
    ['with a label of an unknown kind', answerOf(2, [0x80, 0]), /unknown kind/],
  ])('%s is refused', (_what, bytes, expected) => {
    expect(() => decodeDnsMessage(bytes)).toThrow(expected);
  });

  it('is read or refused, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(300),
        fc.constantFrom(...Object.values(DNS_TYPES)),
        (data, cut, type) => {
          expect(isReadOrRefused(Buffer.from(data))).toBe(true);
          expect(isReadOrRefused(answerOf(type, [...data]).subarray(0, cut))).toBe(true);
        },
      ),
    );
  });
});
