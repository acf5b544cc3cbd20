export { detectLevel } from './detect-level.ts';
export {
  LinePipeline,
  type LinePipelineOptions,
  LOG_FORMATS,
  type LogFormat,
  type PipelineCounters,
  type PipelineResult,
} from './line-pipeline.ts';
export { type LevelCount, LevelCounts } from './level-counts.ts';
export { LOG_LEVELS, type LogLevel } from './log-level.ts';
export { type JoinedRecord, LOG_STREAMS, type LogStream, RecordBatch } from './record-batch.ts';
export { Moment, readRfc3339 } from './rfc3339.ts';
export {
  type LogIdentity,
  type LogSource,
  logSourceOf,
  type PodFields,
  type PodFinder,
} from './log-source.ts';
export { PodDirectory, type PodDirectoryOptions, type PodMetadata } from './pod-directory.ts';
export { type PodLogPath, readPodLogPath } from './pod-log-path.ts';
export { type SourceCount, SourceCounts, type SourceCountsOptions } from './source-counts.ts';
export { type Workload, workloadOf } from './workload.ts';
