import { describe, expect, it } from '@jest/globals';
import { diffJson } from './json-diff.ts';

/** Colours as letters: `-` gone, `+` new, `~` changed, `.` the end of each. */
function readable(text: string): string {
  return text
    .replaceAll('\u001b[0;31m', '-')
    .replaceAll('\u001b[0;32m', '+')
    .replaceAll('\u001b[0;33m', '~')
    .replaceAll('\u001b[0m', '.');
}

describe('a difference', () => {
  it.each([
    ['nothing', { a: 'x' }, { a: 'x' }, '{\n    "a": "x"\n}'],
    ['a changed text', { a: 'x' }, { a: 'y' }, '{\n    "a": ~"x" => "y".\n}'],
    ['a key gone', { a: 'x' }, {}, '{\n    -"a": "x".\n}'],
    ['a key more', {}, { b: 'x' }, '{\n    +"b": "x".\n}'],
    ['sorted keys', { b: '1' }, { a: '2', b: '1' }, '{\n    +"a": "2".,\n    "b": "1"\n}'],
    ['an item more', [], [{ a: 'x' }], '[\n    +{.\n        +"a": "x".\n    +}.\n]'],
    ['nothing at all', {}, {}, '{}'],
  ])('shows %s', (_, before, after, expected) => {
    expect(readable(diffJson(before, after))).toBe(expected);
  });
});
