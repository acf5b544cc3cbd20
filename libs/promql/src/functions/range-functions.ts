import type { RangeFunction } from '../execute/range-function-node.ts';
import { changes, resets } from './changes.ts';
import { avgOverTimeOfBoth, sumOverTimeOfBoth } from './histogram-over-time.ts';
import {
  countOverTime,
  deriv,
  doubleExponentialSmoothing,
  firstOverTime,
  lastOverTime,
  madOverTime,
  maxOverTime,
  minOverTime,
  predictLinear,
  presentOverTime,
  quantileOverTime,
  stddevOverTime,
  stdvarOverTime,
  tsOfFirstOverTime,
  tsOfLastOverTime,
  tsOfMaxOverTime,
  tsOfMinOverTime,
} from './over-time.ts';
import { onFloatsOnly, type RangeKernel } from './range-context.ts';
import { extrapolated, instantaneous } from './rate.ts';

function plain(kernel: RangeKernel, changesTo: Partial<RangeFunction> = {}): RangeFunction {
  return {
    kernel,
    keepsName: false,
    expectsCounter: false,
    dependsOnTime: false,
    extensions: [],
    ...changesTo,
  };
}

function floats(kernel: RangeKernel): RangeFunction {
  return plain(onFloatsOnly(kernel));
}

const BOTH_EXTENSIONS = ['anchored', 'smoothed'] as const;

/** The functions of a range vector by name, but for `absent_over_time`. */
export const RANGE_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map([
  [
    'rate',
    plain(extrapolated({ isCounter: true, isPerSecond: true }), {
      expectsCounter: true,
      extensions: BOTH_EXTENSIONS,
    }),
  ],
  [
    'increase',
    plain(extrapolated({ isCounter: true, isPerSecond: false }), {
      expectsCounter: true,
      extensions: BOTH_EXTENSIONS,
    }),
  ],
  [
    'delta',
    plain(extrapolated({ isCounter: false, isPerSecond: false }), { extensions: BOTH_EXTENSIONS }),
  ],
  ['irate', plain(instantaneous(true))],
  ['idelta', plain(instantaneous(false))],
  ['changes', plain(changes, { extensions: ['anchored'] })],
  ['resets', plain(resets, { extensions: ['anchored'] })],
  ['deriv', floats(deriv)],
  ['predict_linear', plain(onFloatsOnly(predictLinear), { dependsOnTime: true })],
  ['double_exponential_smoothing', floats(doubleExponentialSmoothing)],
  ['sum_over_time', plain(sumOverTimeOfBoth)],
  ['avg_over_time', plain(avgOverTimeOfBoth)],
  ['count_over_time', plain(countOverTime)],
  ['present_over_time', plain(presentOverTime)],
  ['first_over_time', plain(firstOverTime, { keepsName: true })],
  ['last_over_time', plain(lastOverTime, { keepsName: true })],
  ['min_over_time', floats(minOverTime)],
  ['max_over_time', floats(maxOverTime)],
  ['stddev_over_time', floats(stddevOverTime)],
  ['stdvar_over_time', floats(stdvarOverTime)],
  ['quantile_over_time', floats(quantileOverTime)],
  ['mad_over_time', floats(madOverTime)],
  ['ts_of_first_over_time', plain(tsOfFirstOverTime)],
  ['ts_of_last_over_time', plain(tsOfLastOverTime)],
  ['ts_of_min_over_time', floats(tsOfMinOverTime)],
  ['ts_of_max_over_time', floats(tsOfMaxOverTime)],
]);
