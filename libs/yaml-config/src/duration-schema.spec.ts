import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { byteSize, durationMs, parsedText, parseYamlConfig, positiveDurationMs } from './index.ts';

const schema = z.strictObject({
  any: durationMs().optional(),
  positive: positiveDurationMs().optional(),
  second: durationMs({ minMs: 1_000 }).optional(),
  told: durationMs({ minMs: 5, message: 'too short' }).optional(),
  size: byteSize().optional(),
  word: parsedText((text) => {
    if (text === 'bad') throw new Error('accepted is anything but bad');
    return { text };
  }).optional(),
  preset: positiveDurationMs().prefault('5m'),
});

function read(text: string) {
  return parseYamlConfig(text, schema, { file: 'c.yml' });
}

describe('texts that a function reads', () => {
  it('come out as what they mean', () => {
    expect(
      read('any: 0\npositive: 1ms\nsecond: 1h30m\ntold: 5ms\nsize: 1.5GiB\nword: 1.10\n'),
    ).toEqual({
      any: 0,
      positive: 1,
      second: 5_400_000,
      told: 5,
      size: 1.5 * 1024 ** 3,
      word: { text: '1.10' },
      preset: 300_000,
    });
  });
  it.each([
    ['any: soon', /^c\.yml:1: any: not a valid duration string: "soon": expected numbers/],
    ['any: 15', /^c\.yml:1: any: not a valid duration string: "15": expected numbers/],
    ['any: [1s]', /^c\.yml:1: any: .*expected string/],
    ['positive: 0s', /^c\.yml:1: positive: must be more than 0$/],
    ['positive: soon', /^c\.yml:1: positive: not a valid duration string: "soon": [^\n]*$/],
    ['second: 999ms', /^c\.yml:1: second: at least 1s is accepted$/],
    ['told: 4ms', /^c\.yml:1: told: too short$/],
    ['size: 10', /^c\.yml:1: size: not a valid size: .* accepted are 0 and .*512KB/],
    ['word: bad', /^c\.yml:1: word: accepted is anything but bad$/],
  ])('refuse %j with the reason', (text, expected) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(expected) }),
    );
  });
});
