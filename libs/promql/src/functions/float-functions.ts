import { CALENDAR_FUNCTIONS } from './calendar.ts';

/** A function of one float and up to two scalars. */
export type FloatFunction = (value: number, first: number, second: number) => number;

/** Go's `math.Round`-free rounding of `round(v, to)`: halves go up. */
function roundTo(value: number, nearest: number): number {
  // Inverting first makes round(v, 0.1) exact where dividing by 0.1 is not.
  const inverse = 1 / nearest;
  return Math.floor(value * inverse + 0.5) / inverse;
}

/** As Go has it, where nothing is larger than an infinity, not even NaN. */
function larger(a: number, b: number): number {
  return a === Infinity || b === Infinity ? Infinity : Math.max(a, b);
}

function smaller(a: number, b: number): number {
  return a === -Infinity || b === -Infinity ? -Infinity : Math.min(a, b);
}

/** The functions that look at one float at a time, by name. */
export const FLOAT_FUNCTIONS: ReadonlyMap<string, FloatFunction> = new Map<string, FloatFunction>([
  ['abs', Math.abs],
  ['ceil', Math.ceil],
  ['floor', Math.floor],
  ['exp', Math.exp],
  ['sqrt', Math.sqrt],
  ['ln', Math.log],
  ['log2', Math.log2],
  ['log10', Math.log10],
  ['sgn', (value) => (value < 0 ? -1 : value > 0 ? 1 : value)],
  ['sin', Math.sin],
  ['cos', Math.cos],
  ['tan', Math.tan],
  ['asin', Math.asin],
  ['acos', Math.acos],
  ['atan', Math.atan],
  ['sinh', Math.sinh],
  ['cosh', Math.cosh],
  ['tanh', Math.tanh],
  ['asinh', Math.asinh],
  ['acosh', Math.acosh],
  ['atanh', Math.atanh],
  ['rad', (value) => (value * Math.PI) / 180],
  ['deg', (value) => (value * 180) / Math.PI],
  ['round', roundTo],
  ['clamp', (value, low, high) => larger(low, smaller(high, value))],
  ['clamp_min', (value, low) => larger(low, value)],
  ['clamp_max', (value, high) => smaller(high, value)],
  ...CALENDAR_FUNCTIONS,
]);
