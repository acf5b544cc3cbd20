export { detectLevel } from './detect-level.ts';
export {
  LinePipeline,
  type LinePipelineOptions,
  LOG_FORMATS,
  type LogFormat,
  type PipelineCounters,
  type PipelineResult,
} from './line-pipeline.ts';
export { type EventCounters, EventPipeline, type EventPipelineOptions } from './event-pipeline.ts';
export { type LevelCount, LevelCounts } from './level-counts.ts';
export { levelOfValue, LOG_LEVELS, type LogLevel, UNKNOWN_LEVEL } from './log-level.ts';
export { type JoinedRecord, LOG_STREAMS, type LogStream, RecordBatch } from './record-batch.ts';
export { Moment, readRfc3339 } from './rfc3339.ts';
export {
  type LogIdentity,
  type LogSource,
  logSourceOf,
  type PodFields,
  type PodFinder,
  type RecordSender,
  senderSourceOf,
} from './log-source.ts';
export {
  PodDirectory,
  type PodDirectoryOptions,
  type PodMetadata,
  type SenderClaim,
  type SenderPod,
} from './pod-directory.ts';
export { type PodLogPath, readPodLogPath } from './pod-log-path.ts';
export { type SourceCount, SourceCounts, type SourceCountsOptions } from './source-counts.ts';
export { type Workload, workloadOf } from './workload.ts';
export { type MultilineLimits } from './multiline-joiner.ts';
export { type MultilineSpec, multilineRuleOf, START_STATE } from './multiline-pattern.ts';
export { MULTILINE_RULES, type MultilineRule } from './multiline-rules.ts';
export { ParserSet } from './parser-set.ts';
export {
  JSON_FIELD,
  NUMBER_FIELD,
  PACKED_FIELD,
  RecordFields,
  TEXT_FIELD,
} from './record-fields.ts';
export { labelName, type Measurement, type MeterSpec, RecordMeter } from './record-meter.ts';
export { PARSER_FORMATS, type ParserSpec, RecordParser } from './record-parser.ts';
export {
  type RecordCounters,
  RecordPipeline,
  type RecordPipelineOptions,
} from './record-pipeline.ts';
export { REDACTIONS, type RedactionSpec } from './redactor.ts';
export {
  DROP_REASONS,
  type ShippingCounters,
  ShippingRules,
  type ShippingSpec,
} from './shipping.ts';
export type { DropSpec, SampleSpec } from './drop-rules.ts';
export { TimeFormat } from './time-format.ts';
export { TimeFormatError } from './time-parts.ts';
export { TEXT_ENCODINGS, type TextEncoding } from './text-encodings.ts';
