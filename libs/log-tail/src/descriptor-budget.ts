import { LogFileError } from './log-files.ts';
import type { TailedFile } from './tailed-file.ts';

/** How much of the budget is given back at a time, so that it is not looked through for each file. */
const SHARE = 0.1;

export interface DescriptorBudgetOptions {
  /** Most files open at a time; one that still has to be read may be open beyond it when it is renamed. */
  readonly maxOpenFiles: number;
  /** A file that has not grown for so long is closed. */
  readonly closeQuietMs: number;
}

/**
 * Keeps the number of open files within bounds. A file that was read to its end and acknowledged can be closed, for what
 * is known of it stays: it is opened again when it has grown, also under another name.
 */
export class DescriptorBudget {
  readonly #maxOpenFiles: number;
  readonly #closeQuietMs: number;

  constructor({ maxOpenFiles, closeQuietMs }: DescriptorBudgetOptions) {
    this.#maxOpenFiles = maxOpenFiles;
    this.#closeQuietMs = closeQuietMs;
  }

  /** Whether so many are open that files without anything in them should wait. */
  isScarce(files: ReadonlyMap<string, TailedFile>): boolean {
    return files.size >= this.#maxOpenFiles / 2 && openCount(files) >= this.#maxOpenFiles / 2;
  }

  /** Closes those that have not grown for a while. */
  async closeQuiet(files: ReadonlyMap<string, TailedFile>, nowMs: number): Promise<void> {
    for (const file of files.values()) {
      if (nowMs - file.changedMs >= this.#closeQuietMs && isClosable(file)) await file.close();
    }
  }

  /** Makes room for one more, closing those first that have not grown for longest. @returns whether there is some */
  async makeRoom(files: ReadonlyMap<string, TailedFile>): Promise<boolean> {
    if (files.size < this.#maxOpenFiles || openCount(files) < this.#maxOpenFiles) return true;
    const closable = [...files.values()]
      .filter(isClosable)
      .toSorted((a, b) => a.changedMs - b.changedMs)
      .slice(0, Math.ceil(this.#maxOpenFiles * SHARE));
    for (const file of closable) await file.close();
    return closable.length > 0;
  }
}

/** How many are open. */
export function openCount(files: ReadonlyMap<string, TailedFile>): number {
  let count = 0;
  for (const file of files.values()) if (file.isOpen) count++;
  return count;
}

/** Whether nothing would be missing if the file was closed and opened again under its name. */
function isClosable(file: TailedFile): boolean {
  if (!file.isOpen || file.state !== 'active' || file.isBusy || file.lastError !== null) {
    return false;
  }
  if (!file.isAtEnd || file.offset !== file.scannedOffset || file.borrowedFrom !== null) {
    return false;
  }
  if (!file.ledger.isEmpty || file.ledger.committed !== file.offset) return false;
  try {
    const { sizeBytes, isLinked } = file.handle.stat();
    return isLinked && sizeBytes === file.sizeBytes;
  } catch (error) {
    if (!(error instanceof LogFileError)) throw error;
    return false;
  }
}
