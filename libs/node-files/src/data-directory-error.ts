import { errorCode } from './error-code.ts';

/** A data directory that cannot be used; the message is one sentence that a user can act on. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of the path is not a directory',
  EEXIST: 'it is a file, not a directory',
  ENOENT: 'a part of the path does not exist',
  ENAMETOOLONG: 'the path is too long',
};

/** What a file-system error means, in a few words. */
export function describeFileError(error: unknown): string {
  const code = errorCode(error);
  if (Object.hasOwn(REASONS, code)) return REASONS[code]!;
  return error instanceof Error ? error.message : String(error);
}
