import { describe, expect, it } from '@jest/globals';
import { Matcher } from '#libs/labels';
import fc from 'fast-check';
import { MatcherTextError } from './matcher-text-error.ts';
import { parseClassicMatchers } from './parse-classic-matchers.ts';
import { formatMatchers, parseMatchers, sortMatchers } from './parse-matchers.ts';
import { parseUtf8Matchers } from './parse-utf8-matchers.ts';

function read(parse: (text: string) => Matcher[], text: string): string {
  try {
    return formatMatchers(parse(text));
  } catch (error) {
    if (error instanceof MatcherTextError) return 'refused';
    throw error;
  }
}

describe('parseUtf8Matchers', () => {
  it.each([
    ['', '{}'],
    ['{}', '{}'],
    ['team = ops', '{team="ops"}'],
    ['{team="ops", level!~"a|b",}', '{team="ops",level!~"a|b"}'],
    ['"two words"="x"', '{"two words"="x"}'],
    ['größe=~".+"', '{größe=~".+"}'],
    [String.raw`a="\xc3\xa9\u00e9\351\\"`, 'refused'],
    [String.raw`a="\xc3\xa9\u00e9\\"`, String.raw`{a="éé\\"}`],
    [String.raw`a="\q"`, 'refused'],
    [String.raw`a="\ud800"`, 'refused'],
    ['a="line\nfeed"', 'refused'],
    ['a', 'refused'],
    ['a=', 'refused'],
    ['a!b', 'refused'],
    ['=b', 'refused'],
    ['""="b"', 'refused'],
    ['{a=b', 'refused'],
    ['a=b}', 'refused'],
    ['{a=b} c', 'refused'],
    ['a=b c=d', 'refused'],
    ['a=~"("', 'refused'],
    ["a='b'", 'refused'],
  ])('reads %j as %s', (text, expected) => {
    expect(read(parseUtf8Matchers, text)).toBe(expected);
  });

  it('says where a text stops making sense', () => {
    expect(() => parseUtf8Matchers('team=ops, x')).toThrow(/at character 12: .*=, !=, =~, !~/);
  });

  it('reads back whatever is written', () => {
    const matcher = fc
      .tuple(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.constantFrom('=' as const, '!=' as const),
        fc.string({ unit: 'grapheme' }),
      )
      .map(([name, kind, value]) => new Matcher(name, kind, value));
    fc.assert(
      fc.property(fc.array(matcher), (matchers) => {
        const text = formatMatchers(matchers);
        expect(parseUtf8Matchers(text).map((one) => one.key)).toEqual(
          matchers.map((one) => one.key),
        );
      }),
    );
  });

  it('never throws anything but its own error', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('{', '}', '=', '!', '~', ',', '\\', '"', "'", ' ', 'a', '\n'),
        }),
        (text) => {
          for (const parse of [parseUtf8Matchers, parseClassicMatchers, parseMatchers]) {
            expect(typeof read(parse, text)).toBe('string');
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('parseMatchers', () => {
  it.each([
    ['the newer syntax where both read the same', 'a="b"', '{a="b"}'],
    ['the classic one where only that can', 'a=', '{a=""}'],
    ['the newer one where only that can', '"a b"="c"', '{"a b"="c"}'],
    ['the classic one where they differ', String.raw`a="\x41"`, String.raw`{a="\\x41"}`],
  ])('takes %s', (_, text, expected) => {
    expect(formatMatchers(parseMatchers(text))).toBe(expected);
  });

  it('refuses a text of unreasonable length', () => {
    expect(() => parseMatchers('a'.repeat(70_000))).toThrow(/at most 65536/);
  });

  it('sorts by name, value and kind', () => {
    const sorted = sortMatchers(parseMatchers('b="1",a=~"2",a="2",a="1"'));
    expect(formatMatchers(sorted)).toBe('{a="1",a="2",a=~"2",b="1"}');
  });
});
