import type { ValueType } from '../ast.ts';

/** What a function takes and gives. */
export interface FunctionSignature {
  readonly name: string;
  /** The types of its arguments; with a variable number, the last one stands for all that follow. */
  readonly argTypes: readonly ValueType[];
  /**
   * 0: exactly `argTypes.length` arguments. Otherwise the last one may be left out, and may be given up to `variadic`
   * times (any number of times when negative).
   */
  readonly variadic: number;
  readonly returnType: ValueType;
  /** Prometheus has it only behind `--enable-feature=promql-experimental-functions`. */
  readonly isExperimental: boolean;
}

const TYPE_LETTERS: Readonly<Record<string, ValueType>> = {
  v: 'vector',
  m: 'matrix',
  s: 'scalar',
  t: 'string',
};

/*
 * One line a function: name, the letters of its argument types (v instant vector, m range vector, s scalar, t string),
 * the letter of what it gives, then `variadic` and `experimental` where they apply.
 */
const TABLE = `
abs v v
absent v v
absent_over_time m v
acos v v
acosh v v
asin v v
asinh v v
atan v v
atanh v v
avg_over_time m v
ceil v v
changes m v
clamp vss v
clamp_max vs v
clamp_min vs v
cos v v
cosh v v
count_over_time m v
day_of_month v v variadic=1
day_of_week v v variadic=1
day_of_year v v variadic=1
days_in_month v v variadic=1
deg v v
delta m v
deriv m v
double_exponential_smoothing mss v experimental
end - s experimental
exp v v
first_over_time m v experimental
floor v v
histogram_avg v v
histogram_count v v
histogram_fraction ssv v
histogram_quantile sv v
histogram_quantiles vtss v variadic=9 experimental
histogram_stddev v v
histogram_stdvar v v
histogram_sum v v
hour v v variadic=1
idelta m v
increase m v
info vv v variadic=1 experimental
integral ms v variadic=1 experimental
irate m v
label_join vttt v variadic=-1
label_replace vtttt v
last_over_time m v
ln v v
log10 v v
log2 v v
mad_over_time m v experimental
max_of ss s experimental
max_over_time m v
min_of ss s experimental
min_over_time m v
minute v v variadic=1
month v v variadic=1
pi - s
predict_linear ms v
present_over_time m v
quantile_over_time sm v
rad v v
range - s experimental
rate m v
resets m v
round vs v variadic=1
scalar v s
sgn v v
sin v v
sinh v v
sort v v
sort_by_label vt v variadic=-1 experimental
sort_by_label_desc vt v variadic=-1 experimental
sort_desc v v
sqrt v v
start - s experimental
start_timestamp v v experimental
stddev_over_time m v
stdvar_over_time m v
step - s experimental
sum_over_time m v
tan v v
tanh v v
time - s
timestamp v v
ts_of_first_over_time m v experimental
ts_of_last_over_time m v experimental
ts_of_max_over_time m v experimental
ts_of_min_over_time m v experimental
vector s v
year v v variadic=1
`;

/** Every function of the language by name. */
export const FUNCTION_SIGNATURES: ReadonlyMap<string, FunctionSignature> = readTable(TABLE);

function readTable(table: string): ReadonlyMap<string, FunctionSignature> {
  const signatures = new Map<string, FunctionSignature>();
  for (const line of table.trim().split('\n')) {
    const [name = '', args = '', result = '', ...flags] = line.split(' ');
    const variadic = flags.find((flag) => flag.startsWith('variadic='));
    signatures.set(name, {
      name,
      argTypes: args === '-' ? [] : args.split('').map((letter) => TYPE_LETTERS[letter]!),
      variadic: variadic === undefined ? 0 : Number(variadic.slice('variadic='.length)),
      returnType: TYPE_LETTERS[result]!,
      isExperimental: flags.includes('experimental'),
    });
  }
  return signatures;
}
