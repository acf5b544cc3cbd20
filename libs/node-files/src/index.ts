export { ensureDataDirectory, syncDirectory, writeFileAtomically } from './atomic-file.ts';
export { DataDirectoryError, describeFileError } from './data-directory-error.ts';
export { type DirectoryLock, lockDirectory } from './directory-lock.ts';
export { errorCode } from './error-code.ts';
export { FileBlockFiles } from './file-block-files.ts';
export { FileSegmentStore } from './file-segment-store.ts';
export { FileSnapshots } from './file-snapshots.ts';
export { ReadOnlyBlockFiles, ReadOnlySegmentStore } from './read-only-stores.ts';
export { readSecretFile } from './read-secret-file.ts';
