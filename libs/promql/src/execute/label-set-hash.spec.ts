import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { labelSetHash } from './label-set-hash.ts';
import { xxHash64 } from './xxhash64.ts';

describe('xxHash64', () => {
  it.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
    ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
  ])('of %j is as in the specification', (text, expected) => {
    expect(xxHash64(Buffer.from(text)).toString(16)).toBe(expected);
  });
});

describe('labelSetHash', () => {
  it('is that of the labels as Prometheus keeps them', () => {
    const bytes = Buffer.from('\u0008__name__\u0002up\u0003job\u0004node');
    const expected = Number(xxHash64(bytes)) / 2 ** 64;
    expect(labelSetHash(Labels.fromRecord({ job: 'node', __name__: 'up' }))).toBe(expected);
  });
  it('takes four bytes for a long length', () => {
    const value = 'x'.repeat(300);
    const bytes = Buffer.concat([
      Buffer.from('\u0001a'),
      Buffer.from([255, 300 & 255, 1, 0]),
      Buffer.from(value),
    ]);
    expect(labelSetHash(Labels.fromRecord({ a: value }))).toBe(Number(xxHash64(bytes)) / 2 ** 64);
  });
});
