export {
  addHistograms,
  type AlignedHistograms,
  alignHistograms,
  type CombinedHistogram,
  divideHistogram,
  histogramsEqual,
  isCounterReset,
  multiplyHistogram,
  reduceResolution,
  subtractHistograms,
} from './arithmetic.ts';
export {
  allBuckets,
  type Bucket,
  compactHistogram,
  exponentialBound,
  type IndexedBuckets,
  lowerBound,
  negativeBucketsOf,
  positiveBucketsOf,
  runningSums,
  toIndexed,
  toSpans,
  upperBound,
  usesCustomBuckets,
  withBuckets,
} from './buckets.ts';
export {
  type BucketSpan,
  type CounterResetHint,
  createFloatHistogram,
  CUSTOM_BUCKETS_SCHEMA,
  type FloatHistogram,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
} from './float-histogram.ts';
export { detectedResetHint, storedResetHint } from './counter-reset-hint.ts';
export { formatHistogram } from './format-histogram.ts';
export { HistogramSum } from './histogram-sum.ts';
export { trimHistogram } from './trim.ts';
export { histogramProblem } from './validate.ts';
