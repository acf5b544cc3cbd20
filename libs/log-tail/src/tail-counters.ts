import { LogFileError } from './log-files.ts';
import type { TailedFile } from './tailed-file.ts';

/** How the tailer fared since it was made. */
export interface TailCounters {
  readBytes: number;
  readLines: number;
  rotations: number;
  truncations: number;
  truncatedLines: number;
  truncatedBytes: number;
  /** Files that an earlier run had been reading and that could not be found again. */
  lostFiles: number;
  /** Bytes that were overwritten, or gone at a restart, before they were read, as far as is known. */
  lostBytes: number;
  openErrors: number;
  readErrors: number;
  /** Files that were not read because there were too many, at the last look. */
  skippedFiles: number;
}

/** A file can't be read for now; the error is shown with it. */
export function noteReadError(file: TailedFile, error: unknown, counters: TailCounters): void {
  if (!(error instanceof LogFileError)) throw error;
  file.lastError = error.message;
  counters.readErrors++;
}
