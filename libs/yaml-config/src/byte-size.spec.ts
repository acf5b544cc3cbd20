import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteSizeSyntaxError, parseByteSize } from './byte-size.ts';

describe('parseByteSize', () => {
  it.each([
    ['0', 0],
    ['1B', 1],
    ['10KB', 10_240],
    ['15MB', 15 * 1024 ** 2],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['1MB512KB', 1024 ** 2 + 512 * 1024],
  ])('reads %j', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });
  it.each(['', '1', 'MB', '1mb', '1 MB', '-1KB', '1iB', '9999999EB'])('refuses %j', (text) => {
    expect(() => parseByteSize(text)).toThrow(ByteSizeSyntaxError);
  });
  it('refuses a million digits without a unit, without trying every split of them', () => {
    expect(() => parseByteSize('1'.repeat(1_000_000))).toThrow(ByteSizeSyntaxError);
  });
  it('never takes long over a text', () => {
    const everyText = fc.property(
      fc.string({ unit: fc.constantFrom('1', '.', 'K', 'B', 'i') }),
      (text) => {
        try {
          return parseByteSize(text) >= 0;
        } catch (error) {
          return error instanceof ByteSizeSyntaxError;
        }
      },
    );
    expect(() => fc.assert(everyText)).not.toThrow();
  });
});
