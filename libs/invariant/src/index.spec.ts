import { describe, expect, it } from '@jest/globals';
import { assert, InvariantError, unreachable } from './index.ts';

describe('assert', () => {
  it('passes when the condition holds', () => {
    expect(() => assert(1 + 1 === 2, 'arithmetic')).not.toThrow();
  });
  it('throws a bug with its message when the condition does not hold', () => {
    expect(() => assert(false, 'window outside its columns')).toThrow(
      new InvariantError('window outside its columns'),
    );
  });
});

describe('unreachable', () => {
  it('names the value that got through the types', () => {
    expect(() => unreachable('surprise' as never)).toThrow('unreachable: surprise');
  });
});
