import { describe, expect, it } from '@jest/globals';
import type { DiskSpace } from '#libs/record-log';
import { DiskWatch, isNearlyFull, isNearlyFullForLogs } from './disk-watch.ts';

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

/** What a watch said and did over looks at so many free bytes of ten; null for a disk that does not answer. */
async function watchOver(looks: readonly (number | null)[]): Promise<string[]> {
  const heard: string[] = [];
  let freeBytes: number | null = null;
  const watch = new DiskWatch(
    {
      content: 'samples',
      space: async (): Promise<DiskSpace> => {
        if (freeBytes === null) throw new Error('EIO');
        return { freeBytes, totalBytes: 10 };
      },
      isFull: (space) => space.freeBytes < 5,
      noteSpace: () => {},
      setDiskFull: (isFull) => heard.push(isFull ? 'full' : 'room'),
    },
    {
      info: (message) => heard.push(message),
      error: (message) => heard.push(String(message)),
    },
  );
  for (const look of looks) {
    freeBytes = look;
    await watch.look();
  }
  return heard;
}

describe('DiskWatch', () => {
  it('tells the store at each look, and people when it changes', async () => {
    expect(await watchOver([9, 4, 3, 6])).toEqual([
      'room',
      'full',
      'the disk is nearly full; samples are refused',
      'full',
      'room',
      'the disk has room again; samples are taken',
    ]);
  });

  it('leaves all as it is while the disk does not answer', async () => {
    expect(await watchOver([4, null, 3])).toEqual([
      'full',
      'the disk is nearly full; samples are refused',
      'the free space for samples cannot be read',
      'full',
    ]);
  });
});
