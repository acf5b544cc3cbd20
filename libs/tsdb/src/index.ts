export {
  type AppendResult,
  REJECT_REASONS,
  type Rejection,
  type RejectReason,
} from './append-result.ts';
export type { Timer } from './group-commit.ts';
export type { CardinalityEntry, CardinalityStatistics } from './head.ts';
export { DEFAULT_HEAD_OPTIONS, type HeadOptions } from './head-options.ts';
export {
  MemorySegmentStore,
  SegmentFaultError,
  type SegmentFaults,
} from './memory-segment-store.ts';
export type { ReplayProgress, ReplayReport } from './replay-log.ts';
export type { DiskSpace, SegmentInfo, SegmentStore } from './segment-store.ts';
export type { Selection } from './selection.ts';
export { DEFAULT_LOG_OPTIONS, LogWriteError, type SeriesLogOptions } from './series-log.ts';
export {
  type StoreStatistics,
  StoreUnavailableError,
  TimeSeriesStore,
  type TimeSeriesStoreOptions,
  type UnavailableReason,
} from './time-series-store.ts';
