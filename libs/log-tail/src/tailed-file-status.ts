import type { OpenFailure } from './file-roster.ts';
import type { TailedFile, TailedFileState } from './tailed-file.ts';

/** One file as the API shows it. */
export interface TailedFileStatus {
  readonly group: string;
  readonly path: string;
  readonly device: string;
  readonly inode: string;
  readonly fingerprint: string;
  readonly state: TailedFileState;
  /** It is closed while it is quiet. */
  readonly isOpen: boolean;
  readonly sizeBytes: number;
  /** Lines before it were handed out. */
  readonly readOffset: number;
  /** Lines before it were acknowledged. */
  readonly committedOffset: number;
  readonly lagBytes: number;
  /** Seconds since when something has been waiting; 0 when nothing is. */
  readonly lagSeconds: number;
  readonly lastError: string | null;
}

/** Of a file being read. */
export function statusOf(file: TailedFile, nowMs: number): TailedFileStatus {
  const { behindSinceMs } = file;
  return {
    group: file.group,
    path: file.path,
    ...file.id,
    fingerprint: file.fingerprint.hash,
    state: file.state,
    isOpen: file.isOpen,
    sizeBytes: file.sizeBytes,
    readOffset: file.offset,
    committedOffset: file.ledger.committed,
    lagBytes: Math.max(0, file.sizeBytes - file.ledger.committed),
    lagSeconds: behindSinceMs === null ? 0 : Math.max(0, nowMs - behindSinceMs) / 1000,
    lastError: file.lastError,
  };
}

/** Of one that can't be opened. */
export function failedStatus({ group, path, message }: OpenFailure): TailedFileStatus {
  return {
    group,
    path,
    device: '',
    inode: '',
    fingerprint: '',
    state: 'active',
    isOpen: false,
    sizeBytes: 0,
    readOffset: 0,
    committedOffset: 0,
    lagBytes: 0,
    lagSeconds: 0,
    lastError: message,
  };
}
