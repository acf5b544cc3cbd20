import { describe, expect, it } from '@jest/globals';
import { MAX_SEARCHED_LENGTH, SearchPattern } from './index.ts';

describe('SearchPattern', () => {
  it.each([
    ['well', 'all is well', true],
    ['^is', 'all is well', false],
    ['a|b', 'xxbxx', true],
    ['all.is', 'all\nis', false],
    ['(?s)all.is', 'all\nis', true],
    ['(?i)WELL', 'all is well', true],
    ['l{2} is', 'all is', true],
    ['', 'anything', true],
    ['\\.', 'a.b', true],
    ['\\.', 'ab', false],
  ])('%j in %j: %s', (pattern, text, expected) => {
    expect(new SearchPattern(pattern).test(text)).toBe(expected);
  });
  it('fills in the groups of the first match', () => {
    expect(new SearchPattern('(\\d+)-(?P<b>\\w)').expand('x 12-a 34-b', '${b}$1')).toBe('a12');
    expect(new SearchPattern('z').expand('x', 'y')).toBeNull();
  });
  it('looks at a bounded part of the text', () => {
    const late = `${' '.repeat(MAX_SEARCHED_LENGTH)}late`;
    expect(new SearchPattern('late').test(late)).toBe(false);
  });
});
