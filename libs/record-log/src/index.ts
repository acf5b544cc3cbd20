export { type GatheringLog, GroupCommit, type Timer } from './group-commit.ts';
export {
  FRAME_HEADER_BYTES,
  FrameScanner,
  MAX_PAYLOAD_BYTES,
  type ScanSummary,
  writeFrameHeader,
} from './log-frame.ts';
export {
  MemorySegmentStore,
  SegmentFaultError,
  type SegmentFaults,
} from './memory-segment-store.ts';
export type { DiskSpace, SegmentInfo, SegmentStore } from './segment-store.ts';
export type { LogRecords, LogSegment } from './log-records.ts';
export { LogWriteError, RecordLog } from './record-log.ts';
export { DEFAULT_RECORD_LOG_OPTIONS, type RecordLogOptions } from './record-log-options.ts';
export {
  type RecordTaker,
  replaySegments,
  type SegmentFindings,
  type SegmentProgress,
} from './replay-segments.ts';
