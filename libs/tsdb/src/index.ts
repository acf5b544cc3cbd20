export {
  type AppendResult,
  REJECT_REASONS,
  type Rejection,
  type RejectReason,
} from './append-result.ts';
export {
  type BatchExtras,
  type ExtrasResult,
  type FamilyMetadata,
  NO_EXTRAS,
  type SeriesExemplar,
} from './batch-extras.ts';
export type { Block, BlockChunk, BlockSeries, ScannedSeries } from './block/block.ts';
export {
  ArchiveClosedError,
  type ArchiveReport,
  type ArchiveStatistics,
  BlockArchive,
  type BlockArchiveOptions,
  DEFAULT_ARCHIVE_OPTIONS,
  FetchLimitError,
} from './block/block-archive.ts';
export {
  BlockImport,
  type BlockImportCounts,
  type BlockImportOptions,
  DEFAULT_IMPORT_OPTIONS,
} from './block/block-import.ts';
export type { BlockContents, BlockSummary } from './block/block-format.ts';
export {
  type Exemplar,
  ExemplarRing,
  type ExemplarVerdict,
  type SeriesExemplars,
} from './exemplar-ring.ts';
export type { CardinalityEntry, CardinalityStatistics } from './cardinality.ts';
export { DEFAULT_HEAD_OPTIONS, type HeadOptions, type SeriesBudget } from './head-options.ts';
export type { MergedSelection } from './merged-selection.ts';
export { MetadataCatalogue, type MetadataVerdict, type MetricMetadata } from './metric-metadata.ts';
export type { ReplayProgress, ReplayReport } from './replay-log.ts';
export type { Selection } from './selection.ts';
export { DEFAULT_LOG_OPTIONS, type SeriesLogOptions } from './series-log-options.ts';
export {
  type StoreStatistics,
  StoreUnavailableError,
  TimeSeriesStore,
  type TimeSeriesStoreOptions,
  type UnavailableReason,
} from './time-series-store.ts';
export {
  DEFAULT_TIERED_OPTIONS,
  type TieredReport,
  TieredStore,
  type TieredStoreOptions,
} from './tiered-store.ts';
export { TombstoneLimitError } from './tombstones.ts';
export { ChunkError } from './xor-chunk.ts';
