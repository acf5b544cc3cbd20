import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  compareUtf8,
  DuplicateLabelError,
  DurationSyntaxError,
  formatDurationMs,
  Labels,
  LinearRegExp,
  Matcher,
  parseDurationMs,
  RegExpSyntaxError,
} from './index.ts';

const labelRecord = fc.dictionary(
  fc.string({ minLength: 1, unit: 'binary' }),
  fc.string({ unit: 'binary' }),
  {
    maxKeys: 8,
  },
);

describe('Labels', () => {
  it('sorts by name and drops empty values', () => {
    const labels = Labels.fromRecord({ zone: 'a', __name__: 'up', empty: '' });
    expect(labels.flat).toEqual(['__name__', 'up', 'zone', 'a']);
    expect(labels.toString()).toBe('up{zone="a"}');
  });
  it('refuses a name given twice', () => {
    expect(() =>
      Labels.fromPairs([
        ['a', '1'],
        ['a', '2'],
      ]),
    ).toThrow(DuplicateLabelError);
  });
  it('keeps a label called __proto__ like any other', () => {
    const labels = Labels.fromPairs([['__proto__', 'x']]);
    expect(labels.get('__proto__')).toBe('x');
    expect(Object.keys(labels.toRecord())).toEqual(['__proto__']);
  });
  it('quotes what is not a classic name', () => {
    expect(Labels.fromRecord({ __name__: 'my metric', 'a-b': 'x\n"' }).toString()).toBe(
      '{"my metric", "a-b"="x\\n\\""}',
    );
  });
  it.each([
    [{}, 'cbf29ce484222325'],
    // Known values of the original's own tests.
    [{ name: 'garland, briggs', fear: 'love is not enough' }, null],
  ] as [Record<string, string>, string | null][])('fingerprints %j', (record, expected) => {
    const { fingerprint } = Labels.fromRecord(record);
    expect(fingerprint).toBe(expected ?? bigintFingerprint(record));
  });
  it('fingerprints any set as 64-bit FNV-1a does', () => {
    fc.assert(
      fc.property(labelRecord, (record) => {
        const labels = Labels.fromRecord(record);
        expect(labels.fingerprint).toBe(bigintFingerprint(labels.toRecord()));
      }),
    );
  });
  it('has the same key exactly when the sets are equal', () => {
    fc.assert(
      fc.property(labelRecord, labelRecord, (a, b) => {
        const left = Labels.fromRecord(a);
        const right = Labels.fromRecord(b);
        expect(left.key === right.key).toBe(
          JSON.stringify(left.flat) === JSON.stringify(right.flat),
        );
      }),
    );
  });
  it('merges and sets labels as a map would', () => {
    fc.assert(
      fc.property(labelRecord, labelRecord, (a, b) => {
        const merged = Labels.fromRecord(a).merge(Labels.fromRecord(b));
        let stepwise = Labels.fromRecord(a);
        for (const [name, value] of Labels.fromRecord(b)) stepwise = stepwise.with(name, value);
        expect(merged.flat).toEqual(stepwise.flat);
      }),
    );
  });
});

function bigintFingerprint(record: Record<string, string>): string {
  let hash = 0xcbf29ce484222325n;
  const parts = Object.entries(record)
    .toSorted((a, b) => compareUtf8(a[0], b[0]))
    .flat();
  for (const part of parts) {
    for (const byte of [...new TextEncoder().encode(part), 0xff]) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    }
  }
  return hash.toString(16).padStart(16, '0');
}

describe('compareUtf8', () => {
  it('orders as the UTF-8 bytes do', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(
          Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))),
        );
      }),
    );
  });
  it('puts a character beyond the basic plane after U+FFFD', () => {
    expect(compareUtf8('\u{1F600}', '\uFFFD')).toBeGreaterThan(0);
  });
});

describe('LinearRegExp', () => {
  it.each([
    ['.*', '', true],
    ['.+', '', false],
    ['a|b', 'b', true],
    ['a|b', 'ab', false],
    ['(?:api|web)', 'web', true],
    ['(api|web)', 'db', false],
    ['a\\|b', 'a|b', true],
    ['a\\|b|c', 'c', true],
    ['10\\.0\\..*', '10.0.3', true],
    ['10\\.0\\..*', '10x0.3', false],
    ['.*-canary', 'web-canary', true],
    ['.+-canary', '-canary', false],
    ['.*err.*', 'an error', true],
    ['a.b', 'a\nb', true],
    ['', '', true],
    ['', 'x', false],
    ['(?i)ABC', 'abc', true],
    ['[a-c]+', 'abcabc', true],
    ['|a', '', true],
    ['a\\.*', 'a...', true],
    ['a\\.*', 'ab', false],
    ['^foo$', 'foo', true],
    ['foo.*bar', 'foo-bar', true],
  ])('%j on %j answers %s', (pattern, text, expected) => {
    expect(new LinearRegExp(pattern).test(text)).toBe(expected);
  });
  it('answers simple shapes as the general machine does', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '.*',
      '.+',
      '|',
      '\\.',
      '.',
      'ab',
      '(',
      ')',
      '\\|',
      '\\\\',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '.', '|', '\\') }),
        (parts, text) => {
          let pattern: LinearRegExp;
          let general: LinearRegExp;
          try {
            pattern = new LinearRegExp(parts.join(''));
            // A group with a class around nothing keeps the shape from being recognised.
            general = new LinearRegExp(`(?:${parts.join('')})(?:[x]{0})`);
          } catch {
            return;
          }
          expect(general.shape.kind).toBe('general');
          expect(pattern.test(text)).toBe(general.test(text));
        },
      ),
      { numRuns: 500 },
    );
  });
  it('does not explode where a backtracking engine would', () => {
    expect(new LinearRegExp('(a+)+').test(`${'a'.repeat(5_000)}!`)).toBe(false);
  });
  it.each([
    '((a{1,1000}){1,1000})',
    'a{900}'.repeat(50),
    '(a|b.)'.repeat(9_000),
    '[a-z]'.repeat(13_000),
    '('.repeat(20_000) + 'a' + ')'.repeat(20_000),
  ])('refuses what would take too long to compile: %#', (pattern) => {
    expect(() => new LinearRegExp(pattern)).toThrow(
      /^regular expression too large: .* come to about \d+ characters/,
    );
  });
  it.each([
    'a{1000}',
    '(?:[a-z0-9]{1,63}\\.){1,10}[a-z]{2,63}',
    '[{}]{3}x{,2}\\{9',
    Array.from({ length: 5_000 }, (_, i) => `host-${i}`).join('|'),
    Array.from({ length: 3_000 }, (_, i) => `host-${i}.*`).join('|'),
  ])('takes patterns that people write: %#', (pattern) => {
    expect(new LinearRegExp(pattern).test('nothing')).toBe(false);
  });
  it.each(['(', '[z-a]', 'a**', '(?=x)'])('refuses %j with a reason', (pattern) => {
    expect(() => new LinearRegExp(pattern)).toThrow(RegExpSyntaxError);
  });
  it.each([
    ['(.*)-(.*)', 'web-7', '$2/$1', '7/web'],
    ['(?P<app>[a-z]+).*', 'web-7', '${app}x$app-$', 'webxweb-$'],
    ['(.*)', 'web', '$1x', ''],
    ['(.*)', 'web', '$$1', '$1'],
    ['(.*)', 'web', '$9', ''],
    ['a', 'b', '$0', null],
  ])('%j expands %j by %j to %j', (pattern, text, template, expected) => {
    expect(new LinearRegExp(pattern).expand(text, template)).toBe(expected);
  });
});

describe('Matcher', () => {
  it.each([
    ['=', 'a', 'a', true],
    ['!=', 'a', 'a', false],
    ['=~', 'a.*', 'abc', true],
    ['!~', 'a.*', 'abc', false],
    ['!~', 'a.*', '', true],
  ] as const)('%s %j on %j answers %s', (kind, value, text, expected) => {
    expect(new Matcher('x', kind, value).matches(text)).toBe(expected);
  });
});

describe('durations', () => {
  it.each([
    ['0', 0],
    ['15s', 15_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1y2w3d', 365 * 86_400_000 + 17 * 86_400_000],
  ])('reads %j', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });
  it.each(['', '1', '1h1h', '1m1h', '-1s', '1.5h', '1 h', '300000y'])('refuses %j', (text) => {
    expect(() => parseDurationMs(text)).toThrow(DurationSyntaxError);
  });
  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000_000_000 }), (ms) => {
        expect(parseDurationMs(formatDurationMs(ms))).toBe(ms);
      }),
    );
  });
  it.each([
    [0, '0s'],
    [90_000, '1m30s'],
    [86_400_000 * 7, '1w'],
    [86_400_000 * 8, '8d'],
  ])('writes %d as %s', (ms, text) => {
    expect(formatDurationMs(ms)).toBe(text);
  });
});
