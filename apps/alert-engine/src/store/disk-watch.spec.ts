import { describe, expect, it } from '@jest/globals';
import { isNearlyFull, isNearlyFullForLogs } from './disk-watch.ts';

const GIB = 2 ** 30;

describe('isNearlyFull', () => {
  it.each([
    ['a tenth of a small disk is free', 10 * GIB, 1 * GIB, false],
    ['less than a tenth of a small disk is free', 10 * GIB, 0.99 * GIB, true],
    ['nothing is free', 10 * GIB, 0, true],
    ['little of a large disk is free, but much of it', 1_000 * GIB, 10 * GIB, false],
    ['less than 10 GiB of a large disk are free', 1_000 * GIB, 9.9 * GIB, true],
  ])('where %s', (_, totalBytes, freeBytes, expected) => {
    expect(isNearlyFull({ totalBytes, freeBytes })).toBe(expected);
  });
});

describe('isNearlyFullForLogs', () => {
  it.each([
    ['a sixth of a small disk is free', 12 * GIB, 2 * GIB, false],
    ['less than 15 % of a small disk are free', 10 * GIB, 1.49 * GIB, true],
    ['less than 15 GiB of a large disk are free', 1_000 * GIB, 14.9 * GIB, true],
  ])('where %s', (_, totalBytes, freeBytes, expected) => {
    expect(isNearlyFullForLogs({ totalBytes, freeBytes })).toBe(expected);
  });
});
