export { detectLevel } from './detect-level.ts';
export {
  type LevelCount,
  LinePipeline,
  type LinePipelineOptions,
  LOG_FORMATS,
  type LogFormat,
  type PipelineCounters,
  type PipelineResult,
} from './line-pipeline.ts';
export { LOG_LEVELS, type LogLevel } from './log-level.ts';
export { type JoinedRecord, LOG_STREAMS, type LogStream, RecordBatch } from './record-batch.ts';
export { Moment, readRfc3339 } from './rfc3339.ts';
