import type { FoundLogFile } from './log-files.ts';

/** Digits and what stands between the parts of a date: `.1`, `-20260301`, `.20260301-080002`, `.2026-03-01T08:00:02`. */
const ROTATED_SUFFIX = /^[.-]\d[\d.:TZ_-]*$/;

/** Whether `name` is what rotation by rename makes of `original`; compressed ones are not. */
export function isRotatedName(name: string, original: string): boolean {
  return name.startsWith(original) && ROTATED_SUFFIX.test(name.slice(original.length));
}

/** Whether `name` is what is made of a rotated file of `original` when it is compressed. */
function isArchiveName(name: string, original: string): boolean {
  return name.endsWith('.gz') && isRotatedName(name.slice(0, -3), original);
}

/** The path of the file that was rotated and compressed to be what is at `path`; null where that is not what its name says. */
export function originalOf(path: string): string | null {
  const match = path.endsWith('.gz') ? /[.-]\d[\d.:TZ_-]*$/.exec(path.slice(0, -3)) : null;
  return match === null ? null : path.slice(0, match.index);
}

/**
 * The compressed files beside a path that were written since it was last seen, oldest first, without those that are still
 * being made of a file beside them.
 */
export function recentArchives(
  path: string,
  siblings: readonly FoundLogFile[],
  sinceMs: number,
): FoundLogFile[] {
  const paths = new Set(siblings.map((file) => file.path));
  return siblings
    .filter(
      (file) =>
        isArchiveName(baseName(file.path), baseName(path)) &&
        !paths.has(file.path.slice(0, -'.gz'.length)) &&
        file.modifiedMs >= sinceMs - CLOCK_SLACK_MS,
    )
    .toSorted((a, b) => a.modifiedMs - b.modifiedMs || (a.path < b.path ? -1 : 1));
}

/** The last part of a path. */
function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * The rotated files that came and went between two looks at a path, oldest first. Whoever rotates faster than we look
 * leaves them behind under names that no pattern matches. What is newer than the file that was just opened under the path
 * is left for the next look, which then finds that file among the older ones.
 * @param siblings files whose names begin like that of `path`
 * @param isKnown whether a file is being read or was read already
 * @param isCurrent whether it is the file just opened, which may have been renamed meanwhile
 * @param sinceMs when `path` was last seen to be the file we knew
 */
export function missedRotations(
  path: string,
  siblings: readonly FoundLogFile[],
  isKnown: (file: FoundLogFile) => boolean,
  isCurrent: (file: FoundLogFile) => boolean,
  sinceMs: number,
): FoundLogFile[] {
  // The file system's clock lags by up to a tick, and a virtual machine's two clocks may differ a little more.
  const earliestMs = sinceMs - CLOCK_SLACK_MS;
  const rotated = siblings
    .filter(
      (file) => isRotatedName(baseName(file.path), baseName(path)) && file.modifiedMs >= earliestMs,
    )
    .toSorted((a, b) => a.modifiedMs - b.modifiedMs || (a.path < b.path ? -1 : 1));
  const current = rotated.findIndex(isCurrent);
  return (current < 0 ? rotated : rotated.slice(0, current)).filter((file) => !isKnown(file));
}

const CLOCK_SLACK_MS = 1_000;
