export {
  type BucketSpan,
  type CounterResetHint,
  createFloatHistogram,
  CUSTOM_BUCKETS_SCHEMA,
  type FloatHistogram,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
} from './float-histogram.ts';
