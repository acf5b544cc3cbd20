import type { DiskSpace } from '#libs/record-log';

const MIN_FREE_RATIO = 0.1;
/** A tenth of a large disk is more than any store needs to get out of trouble. */
const ENOUGH_FREE_BYTES = 10 * 2 ** 30;

/** Whether so little of the disk is free that writers have to wait. */
export function isNearlyFull({ freeBytes, totalBytes }: DiskSpace): boolean {
  return freeBytes < Math.min(totalBytes * MIN_FREE_RATIO, ENOUGH_FREE_BYTES);
}

/** So much earlier than samples, log lines are refused: what wakes somebody goes on for longer. */
const LOGS_REFUSED_BEFORE = 1.5;

/** Whether so little of the disk is free that log lines have to wait. */
export function isNearlyFullForLogs({ freeBytes, totalBytes }: DiskSpace): boolean {
  return isNearlyFull({ freeBytes: freeBytes / LOGS_REFUSED_BEFORE, totalBytes });
}
