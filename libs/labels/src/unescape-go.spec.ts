import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { quoteLabelValue, unescapeGo } from './index.ts';

describe('unescapeGo', () => {
  it.each([
    ['', ''],
    ['plain', 'plain'],
    ['\\a\\b\\f\\n\\r\\t\\v\\\\', '\x07\b\f\n\r\t\v\\'],
    ['a\\"b', 'a"b'],
    ['\\x41\\101\\u00e9\\U0001f600', 'AA\u00e9\u{1f600}'],
    ['\\xc3\\xa9', '\u00e9'],
  ])('reads %j', (inner, expected) => {
    expect(unescapeGo(inner, '"')?.toString()).toBe(expected);
  });
  it('gives bytes that are no text as they are', () => {
    expect(unescapeGo('\\xff\\377\\000', '"')).toEqual(Buffer.of(0xff, 0xff, 0));
  });
  it.each(['\\', 'a\\', '\\q', "\\'", '\\x4', '\\400', '\\18', '\\ud800', '\\U00110000'])(
    'refuses %j between double quotes',
    (inner) => {
      expect(unescapeGo(inner, '"')).toBeNull();
    },
  );
  it('takes only the escape of the quote it stands between', () => {
    expect(unescapeGo("\\'", "'")?.toString()).toBe("'");
    expect(unescapeGo('\\"', "'")).toBeNull();
  });
  it('undoes quoting', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const inner = quoteLabelValue(text).slice(1, -1);
        expect(unescapeGo(inner, '"')?.toString()).toBe(text);
      }),
    );
  });
});
