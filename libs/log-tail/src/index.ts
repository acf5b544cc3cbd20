export { type ByteFlow, noFlow } from './byte-flow.ts';
export type { TailCounters } from './tail-counters.ts';
export type { TailGroup } from './tail-group.ts';
export { fingerprintOf, FINGERPRINT_BYTES } from './fingerprint.ts';
export {
  type FrameOptions,
  type FrameResult,
  frameLines,
  type LineBatch,
  LineColumns,
} from './line-batch.ts';
export {
  type Checkpoint,
  type CheckpointStore,
  type FileId,
  type Fingerprint,
  type FoundLogFile,
  LogFileError,
  type LogFileFailure,
  type LogFileHandle,
  type LogFiles,
  type LogFileStat,
} from './log-files.ts';
export { type LineSink, LogTailer, type LogTailerOptions, type PollResult } from './log-tailer.ts';
export { MemoryCheckpointStore, MemoryLogFiles } from './memory-log-files.ts';
export { isRotatedName } from './rotation.ts';
export type { TailedFileState } from './tailed-file.ts';
export type { TailedFileStatus } from './tailed-file-status.ts';
