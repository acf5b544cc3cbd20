import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RateLimiter } from './rate-limiter.ts';
import { RecordBatch } from './record-batch.ts';
import { RecordParser } from './record-parser.ts';
import { REDACTIONS, type RedactionSpec, Redactor } from './redactor.ts';
import { ContainerShipping, ShippingRules, type ShippingSpec } from './shipping.ts';

const LEVELS: Readonly<Record<string, number>> = { D: 1, I: 2, W: 3, E: 4 };
const ALL = { kinds: REDACTIONS, patterns: [] };

/** One record for each text, the level of which its first letter tells. */
function recordsOf(
  texts: readonly string[],
  secondsOf: (row: number) => number = () => 0,
): RecordBatch {
  const records = new RecordBatch(Buffer.from(texts.join('')), texts.length);
  let at = 0;
  for (const [row, text] of texts.entries()) {
    records.reserve();
    const end = at + Buffer.byteLength(text);
    records.place(row, false, at, end);
    records.levels[row] = LEVELS[text[0] ?? ''] ?? 6;
    records.streams[row] = 1;
    records.timeSeconds[row] = secondsOf(row);
    at = end;
  }
  return records;
}

function textsOf(records: RecordBatch): string[] {
  return Array.from({ length: records.count }, (_, row) => records.text(row));
}

function rulesOf(spec: Partial<ShippingSpec>): ShippingRules {
  const none = { drop: [], sample: [], rateLimit: null, redact: { kinds: [], patterns: [] } };
  return new ShippingRules({ ...none, ...spec });
}

function redacted(text: string, spec: RedactionSpec = ALL): string {
  const records = recordsOf([text]);
  new Redactor(spec, new Map()).redact(records, 0);
  return records.text(0);
}

const ANY = { pattern: null, levels: null, streams: null };

describe('rules that drop', () => {
  it('mean records for which everything that is given holds', () => {
    const rules = rulesOf({
      drop: [
        { ...ANY, pattern: '/healthz', levels: ['info'] },
        { ...ANY, pattern: 'took [0-9]+ms$' },
        { ...ANY, levels: ['debug'], streams: ['stdout'] },
        { ...ANY, levels: ['error'], streams: ['stderr'] },
      ],
    });
    const texts = ['I /healthz', 'E /healthz', 'I took 5ms', 'I took 5ms.', 'D x', 'E x'];
    const shipped = new ContainerShipping(rules).ship(recordsOf(texts), null, 0);
    expect(textsOf(shipped)).toEqual(['E /healthz', 'I took 5ms.', 'E x']);
    expect(rules.counters.dropped.filtered).toBe(3);
  });

  it('may keep a share, evenly', () => {
    const rules = rulesOf({ sample: [{ ...ANY, levels: ['info'], keep: 0.1 }] });
    const texts = Array.from({ length: 100 }, (_, i) => (i % 50 === 7 ? 'E x' : `I ${i}`));
    const shipped = textsOf(new ContainerShipping(rules).ship(recordsOf(texts), null, 0));
    expect(shipped.filter((text) => text === 'E x')).toHaveLength(2);
    expect(shipped).toHaveLength(2 + 9);
    expect(rules.counters.dropped.sampled).toBe(89);
  });

  it('say where a pattern is wrong', () => {
    expect(() => rulesOf({ drop: [{ ...ANY, pattern: '(' }] })).toThrow('missing closing');
  });
});

function limited(linesPerSecond: number, burst: number) {
  const rules = rulesOf({ rateLimit: { linesPerSecond, burst } });
  return { shipping: new ContainerShipping(rules), dropped: rules.counters.dropped };
}

describe('the limit of a container’s rate', () => {
  it('drops what exceeds it and says so', () => {
    const { shipping, dropped } = limited(2, 3);
    const texts = Array.from({ length: 10 }, (_, i) => `I ${i}`);
    const shipped = shipping.ship(
      recordsOf(texts, () => 100),
      null,
      100_000,
    );
    expect(textsOf(shipped)).toEqual([
      'I 0',
      'I 1',
      'I 2',
      '[binnacle] 7 lines dropped: more than 2 a second',
    ]);
    expect(shipped.levels[3]).toBe(3);
    expect(shipped.timeSeconds[3]).toBe(100);
    expect(dropped.rate_limited).toBe(7);
    // Others are gathered for a while.
    expect(
      textsOf(
        shipping.ship(
          recordsOf(texts, () => 101),
          null,
          101_000,
        ),
      ),
    ).toEqual(['I 0', 'I 1']);
    expect(shipping.hasNews(109_999)).toBe(false);
    expect(shipping.hasNews(110_000)).toBe(true);
    expect(textsOf(shipping.ship(recordsOf([]), null, 110_000))).toEqual([
      '[binnacle] 8 lines dropped: more than 2 a second',
    ]);
    expect(shipping.hasNews(999_999)).toBe(false);
  });

  it('goes by when lines were written: those of an hour that are read at once pass', () => {
    const { shipping, dropped } = limited(2, 3);
    const texts = Array.from({ length: 7_200 }, (_, i) => `I ${i}`);
    const nowMs = 10_000_000;
    const shipped = shipping.ship(
      recordsOf(texts, (row) => row / 2),
      null,
      nowMs,
    );
    expect(shipped.count).toBe(7_200);
    expect(dropped.rate_limited).toBe(0);
  });

  it('is not passed by times in the future, backwards or without a value', () => {
    const limiter = new RateLimiter({ linesPerSecond: 1, burst: 1 });
    expect(limiter.allows(9e9, 1_000)).toBe(true);
    expect(limiter.allows(8e9, 1_000)).toBe(false);
    expect(limiter.allows(0, 1_000)).toBe(false);
    expect(limiter.allows(Number.NaN, 1_999)).toBe(false);
    expect(limiter.allows(Number.NaN, 2_000)).toBe(true);
  });

  it('may be lowered by the pod, and is not raised by it', () => {
    const { shipping } = limited(10, 10);
    const texts = Array.from({ length: 20 }, (_, i) => `I ${i}`);
    shipping.setRate(100);
    expect(shipping.ship(recordsOf(texts), null, 0).count).toBe(11);
    shipping.setRate(1);
    expect(shipping.ship(recordsOf(texts), null, 0).count).toBe(6);
  });
});

const JWT =
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

describe('redaction', () => {
  it.each([
    [`token ${JWT}.`, 'token [redacted tokens].'],
    ['Authorization: Bearer abc.DEF-123_x~+/==', 'Authorization: Bearer [redacted tokens]'],
    ['bearer abcdefgh1 ok', 'bearer [redacted tokens] ok'],
    ['Basic dXNlcjpwYXNz', 'Basic [redacted tokens]'],
    ['key AKIAIOSFODNN7EXAMPLE used', 'key [redacted tokens] used'],
    [`ghp_${'a1'.repeat(18)}`, '[redacted tokens]'],
    ['xoxb-123456789012-abc', '[redacted tokens]'],
    [
      'a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b',
      'a [redacted tokens] b',
    ],
    ['-----BEGIN PRIVATE KEY-----\nMII', '[redacted tokens]'],
    ['user=bob password=hunter2 ok', 'user=bob password=[redacted secrets] ok'],
    ['{"db_password": "a\\"b", "x": 1}', '{"db_password": "[redacted secrets]", "x": 1}'],
    ['{\\"apiKey\\":\\"abc\\",\\"x\\":1}', '{\\"apiKey\\":\\"[redacted secrets]\\",\\"x\\":1}'],
    ["X-Api-Key: 'abc def' y", "X-Api-Key: '[redacted secrets]' y"],
    ['?client_secret=abc&x=1', '?client_secret=[redacted secrets]&x=1'],
    ['mail bob.smith+x@mail.example.com, now', 'mail [redacted emails], now'],
    ['<a@b.co>', '<[redacted emails]>'],
    ['card 4111 1111 1111 1111 ok', 'card [redacted cards] ok'],
    ['4111-1111-1111-1111,5500005555555559', '[redacted cards],[redacted cards]'],
    ['a@b.co a@b.co', '[redacted emails] [redacted emails]'],
  ])('takes out what should not be read: %s', (text, expected) => {
    expect(redacted(text)).toBe(expected);
    expect(redacted(`é ${text}`)).toBe(`é ${expected}`);
  });

  it.each([
    'a basic configuration follows',
    'the bearer of this letter',
    'eyJust text. and more.',
    'AKIA is short',
    'root@10.0.0.1 and user@localhost and @me and a@ and a@.com',
    'commit 4111111111111112',
    'id a4111111111111111',
    'id 4111111111111111x',
    '41111111111111111111',
    'max_tokens=100 tokens: 7',
    'password= ',
    'time 2026-03-01T08:00:00.123456789Z',
    '',
  ])('leaves everything else: %s', (text) => {
    expect(redacted(text)).toBe(text);
  });

  it('looks only for what it is told to, and for patterns', () => {
    const text = 'a@b.co 4111111111111111 order-123 order-456';
    const patterns = [{ name: 'orders', pattern: 'order-[0-9]+' }];
    expect(redacted(text, { kinds: [], patterns })).toBe(
      'a@b.co 4111111111111111 [redacted orders] [redacted orders]',
    );
    expect(redacted(text, { kinds: ['cards'], patterns: [] })).toBe(
      'a@b.co [redacted cards] order-123 order-456',
    );
  });

  it('counts what it finds, and cuts what overlaps once', () => {
    const counts = new Map<string, number>();
    const records = recordsOf(['password=a@b.co and c@d.co']);
    const patterns = [{ name: 'all', pattern: 'a@b' }];
    new Redactor({ kinds: REDACTIONS, patterns }, counts).redact(records, 0);
    expect(records.text(0)).toBe('password=[redacted secrets] and [redacted emails]');
    expect(counts).toEqual(
      new Map([
        ['secrets', 1],
        ['emails', 1],
      ]),
    );
  });

  it('goes through the fields of a message too', () => {
    const records = recordsOf([
      '{"password":"x","user":{"mail":"a@b.co"},"card":4111111111111111,"n":5,"msg":"Bearer abcdefg1"}',
    ]);
    const counters = { unparsedLines: 0, badTimes: 0 };
    new RecordParser({ name: 'p', format: 'json' }).apply(records, 0, 0, counters);
    new Redactor(ALL, new Map()).redact(records, 0);
    const fields = records.fields!;
    const values = Array.from({ length: fields.counts[0]! }, (_, i) =>
      (fields.isValueExtra[i] === 1 ? records.extra : records.lines).toString(
        'utf8',
        fields.valueStarts[i],
        fields.valueEnds[i],
      ),
    );
    expect(values).toEqual([
      '[redacted secrets]',
      '{"mail":"[redacted emails]"}',
      '[redacted cards]',
      '5',
    ]);
    expect(records.text(0)).toBe('Bearer [redacted tokens]');
  });

  it('leaves no secret behind, whatever stands around it', () => {
    const around = fc.string({
      maxLength: 20,
      unit: fc.constantFrom(' ', 'é', ',', '"', '=', '\n', '('),
    });
    const secret = fc.constantFrom(
      JWT,
      'AKIAIOSFODNN7EXAMPLE',
      'bob@example.com',
      '4111111111111111',
    );
    fc.assert(
      fc.property(around, secret, around, (before, text, behind) => {
        expect(redacted(`${before} ${text} ${behind}`)).not.toContain(text);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const records = new RecordBatch(Buffer.from(bytes), 1);
        records.reserve();
        records.place(0, false, 0, bytes.length);
        new Redactor(ALL, new Map()).redact(records, 0);
        expect(records.ends[0]).toBeLessThanOrEqual(records.bytesOf(0).length);
      }),
    );
  });
});
