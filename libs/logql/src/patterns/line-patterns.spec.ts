import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LinePattern, checkPattern } from '../pipeline/line-pattern.ts';
import { LinePatterns } from './line-patterns.ts';

function patternsOf(lines: readonly string[]): [string, number][] {
  const patterns = new LinePatterns();
  for (const line of lines) patterns.add(line, 0);
  return patterns.found(100).map(({ pattern, count }) => [pattern, count]);
}

describe('LinePatterns', () => {
  it('finds what lines have in common, the most frequent first', () => {
    const lines = Array.from({ length: 20 }, (_, i) => [
      `GET /items/${i} 200 ${i * 7}ms`,
      `level=info msg=started user=${['ann', 'bob', 'eve'][i % 3]} took=${i}ms`,
      `level=info msg=started user=${['ann', 'bob', 'eve'][i % 3]} took=${i}s`,
    ]).flat();
    expect(patternsOf([...lines, 'something else altogether'])).toEqual([
      ['level=info msg=started user=<_> took=<_>', 40],
      ['GET <_> <_> <_>', 20],
      ['something else altogether', 1],
    ]);
  });
  it('parts JSON at its commas and colons', () => {
    const lines = [1, 2, 3].map((n) => JSON.stringify({ level: 'warn', msg: 'slow', n }));
    expect(patternsOf(lines)).toEqual([['{"level":"warn","msg":"slow","n":<_>', 3]]);
  });
  it('counts by steps, and lines that stand for several', () => {
    const patterns = new LinePatterns();
    for (const step of [3, 1, 1]) patterns.add('the same line', step, 10);
    expect(patterns.found(1)).toEqual([
      {
        pattern: 'the same line',
        count: 30,
        steps: [
          [1, 20],
          [3, 10],
        ],
      },
    ]);
  });
  it('says nothing of lines that have nothing in common', () => {
    expect(patternsOf(['1', '2', ''])).toEqual([]);
  });
  it('gives patterns that a filter takes, and that let their lines through', () => {
    const word = fc.oneof(
      fc.constantFrom('a', 'b=c', 'x', '', '<_>', '<name>', '7', '{"k":"v",'),
      fc.string({ maxLength: 8, unit: 'grapheme' }),
    );
    const line = fc.array(word, { maxLength: 120 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const filters = patternsOf(lines).map(([pattern]) => {
          expect(checkPattern(pattern, 'filter')).toBeNull();
          return new LinePattern(pattern);
        });
        for (const [pattern, count] of patternsOf(lines)) {
          const filter = new LinePattern(pattern);
          const passed = lines.filter((one) => {
            const bytes = Buffer.from(one);
            return filter.matches(bytes, 0, bytes.length);
          });
          expect(passed.length).toBeGreaterThanOrEqual(count);
        }
        expect(filters.length).toBeLessThanOrEqual(lines.length);
      }),
    );
  });
  it('is bounded', () => {
    const patterns = new LinePatterns();
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    for (let i = 0; i < 20_000; i++) {
      const words = Array.from({ length: 1 + (i % 80) }, (_, j) => letters[(i * 7 + j * i) % 26]);
      patterns.add(words.join(' '), 0);
    }
    expect(patterns.found(100_000).length).toBeLessThanOrEqual(1_000);
  });
});
