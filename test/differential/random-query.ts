import fc from 'fast-check';
import { BASE_MS, DATA_MS, METRICS } from './random-data.ts';

/*
 * Random expressions of what Prometheus 2.42 knows and later releases have left as it was. Times are chosen so that no
 * sample and no step of a subquery lies on the left edge of a window, which belonged to the window before Prometheus 3:
 * queries are asked at 3 seconds after a multiple of 5, steps and ranges of subqueries are multiples of 5 seconds, and
 * subqueries within subqueries, whose times are multiples of 5, are moved by 3.
 */

export interface RandomQuery {
  /** `#` stands for the number of a data set. */
  readonly text: string;
  readonly startMs: number;
  readonly stepMs: number;
  readonly steps: number;
}

const { gauges, odd, counters, buckets, info } = METRICS;
const LABELS = ['job', 'instance', 'zone', 'code', 'le', 'version'] as const;

const duration = fc.constantFrom('20s', '50s', '1m', '2m30s', '5m', '7m', '10m');
const subqueryRange = fc.constantFrom('1m', '2m5s', '5m', '11m');
const subqueryStep = fc.constantFrom('', '5s', '20s', '55s', '1m', '3m');
const atTime = fc.oneof(
  fc.constantFrom('start()', 'end()'),
  fc.nat({ max: DATA_MS / 5_000 }).map((n) => String(BASE_MS / 1_000 + n * 5 + 3)),
);
const number = fc.oneof(
  fc.constantFrom('0', '1', '-1', '2', '0.5', '3.3', '-7.3', '100.7', '1e3', '0x1F'),
  fc.constantFrom('NaN', 'Inf', '-Inf', '+Inf'),
);
const PLAIN = { weight: 5, arbitrary: fc.constant('') };

const someLabels = fc.uniqueArray(fc.constantFrom(...LABELS), { maxLength: 3 });
const listed = someLabels.map((names) => `(${names.join(', ')})`);
const grouping = fc.oneof(
  fc.constant(''),
  fc.tuple(fc.constantFrom('by', 'without'), listed).map(([how, names]) => ` ${how} ${names} `),
);

const matcher = fc.constantFrom(
  'job="a"',
  'job!="a"',
  'job=~"a|b"',
  'job!~"[bc]"',
  'instance=~"[12]"',
  'instance!="2"',
  'zone=""',
  'zone!=""',
  'zone=~".*"',
  'code=~"5.."',
  'job="nowhere"',
);

function selectorOf(metrics: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...metrics), fc.array(matcher, { maxLength: 2 }))
    .map(([metric, matchers]) =>
      matchers.length === 0 ? metric : `${metric}{${matchers.join(',')}}`,
    );
}

const byNamePattern = fc.constantFrom('{__name__=~"gauge#|level#"}', '{__name__=~"requests#_.+"}');

const modifiers = fc
  .tuple(
    fc.oneof(
      PLAIN,
      atTime.map((time) => ` @ ${time}`),
    ),
    fc.oneof(PLAIN, fc.constantFrom(' offset 1m', ' offset 7m', ' offset -45s', ' offset 13s')),
  )
  .map(([at, offset]) => at + offset);

/** Where the times of evaluation are multiples of 5, an offset keeps steps off the edge unless `@` does. */
const innerModifiers = fc.oneof(
  fc.constantFrom(' offset 3s', ' offset 1m3s', ' offset -2s'),
  atTime.map((time) => ` @ ${time}`),
);

const RANGE_FUNCTIONS = [
  'avg_over_time',
  'min_over_time',
  'max_over_time',
  'sum_over_time',
  'count_over_time',
  'last_over_time',
  'present_over_time',
  'changes',
  'resets',
  'delta',
  'idelta',
  'irate',
  'absent_over_time',
];
const FUNCTIONS = [
  'abs',
  'ceil',
  'floor',
  'exp',
  'sqrt',
  'ln',
  'log2',
  'log10',
  'sgn',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'asinh',
  'acosh',
  'atanh',
  'deg',
  'rad',
  'timestamp',
  'absent',
  'sort',
  'sort_desc',
];
const CALENDAR = [
  'minute',
  'hour',
  'day_of_week',
  'day_of_month',
  'day_of_year',
  'days_in_month',
  'month',
  'year',
];
const ARITHMETIC = ['+', '-', '*', '/', '%', '^', 'atan2'];
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];

/** Expressions that stand within a subquery or do not, by how deep they may nest. */
class Grammar {
  readonly #isInner: boolean;
  readonly #inner: Grammar;
  readonly #vectors: fc.Arbitrary<string>[] = [];
  readonly #scalars: fc.Arbitrary<string>[] = [];
  readonly #ranges: fc.Arbitrary<string>[] = [];

  constructor(inner: Grammar | null) {
    this.#isInner = inner === null;
    this.#inner = inner ?? this;
  }

  vector(depth: number): fc.Arbitrary<string> {
    this.#vectors[depth] ??= this.#vector(depth);
    return this.#vectors[depth];
  }

  scalar(depth: number): fc.Arbitrary<string> {
    this.#scalars[depth] ??= this.#scalar(depth);
    return this.#scalars[depth];
  }

  range(depth: number): fc.Arbitrary<string> {
    this.#ranges[depth] ??= this.#range(depth);
    return this.#ranges[depth];
  }

  #vector(depth: number): fc.Arbitrary<string> {
    const selector = fc
      .tuple(fc.oneof(selectorOf([...gauges, ...odd, ...counters, info]), byNamePattern), modifiers)
      .map((parts) => parts.join(''));
    if (depth === 0) return selector;
    const vector = this.vector(depth - 1);
    const scalar = this.scalar(depth - 1);
    const range = this.range(depth - 1);
    return fc.oneof(
      selector,
      fc.tuple(fc.constantFrom(...RANGE_FUNCTIONS), range).map(([name, of]) => `${name}(${of})`),
      fc
        .tuple(fc.constantFrom('rate', 'increase'), this.#counterRange())
        .map(([name, of]) => `${name}(${of})`),
      fc.tuple(number, range).map(([phi, of]) => `quantile_over_time(${phi}, ${of})`),
      fc
        .tuple(this.#finiteRange(), number)
        // In a range query, 2.42 lets the window move from step to step although `@` holds it.
        .filter(([of]) => !/@[^)]*(?:\(\))?[^)]*$/.test(of))
        .map(([of, time]) => `predict_linear(${of}, ${time})`),
      fc
        .tuple(
          fc.constantFrom('stddev_over_time', 'stdvar_over_time', 'deriv'),
          this.#finiteRange(),
        )
        .map(([name, of]) => `${name}(${of})`),
      fc
        .tuple(this.#finiteRange(), fc.constantFrom('0.3', '0.8'), fc.constantFrom('0.1', '0.6'))
        .map(([of, smoothing, trend]) => `holt_winters(${of}, ${smoothing}, ${trend})`),
      fc.tuple(fc.constantFrom(...FUNCTIONS), vector).map(([name, of]) => `${name}(${of})`),
      // Of NaN and infinities they give what the processor makes of a whole number that large.
      fc
        .tuple(
          fc.constantFrom(...CALENDAR),
          selectorOf([...gauges, ...counters]),
          fc.constantFrom('', ' * 1e4', ' * -1e5', ' * 3e3'),
        )
        .map(([name, of, scaled]) => `${name}(${of}${scaled})`),
      fc
        .tuple(fc.constantFrom('clamp_min', 'clamp_max', 'round'), vector, scalar)
        .map(([name, of, by]) => `${name}(${of}, ${by})`),
      fc.tuple(vector, scalar, scalar).map(([of, from, to]) => `clamp(${of}, ${from}, ${to})`),
      scalar.map((of) => `vector(${of})`),
      this.#relabelling(vector),
      this.#quantileOfBuckets(),
      fc
        .tuple(fc.constantFrom('sum', 'avg', 'min', 'max', 'count', 'group'), grouping, vector)
        .map(([name, how, of]) => `${name}${how}(${of})`),
      fc
        .tuple(fc.constantFrom('stddev', 'stdvar'), grouping, selectorOf(gauges))
        .map(([name, how, of]) => `${name}${how}(${of})`),
      fc
        .tuple(
          fc.constantFrom('topk', 'bottomk'),
          grouping,
          fc.constantFrom('-1', '0', '1', '3', '2.7'),
        )
        .chain(([name, how, k]) =>
          selectorOf(gauges.slice(0, 1)).map((of) => `${name}${how}(${k}, ${of})`),
        ),
      fc.tuple(grouping, number, vector).map(([how, phi, of]) => `quantile${how}(${phi}, ${of})`),
      this.#valueCount(),
      this.#vectorOperation(vector),
      this.#vectorOperation(vector),
      fc
        .tuple(vector, fc.constantFrom('and', 'or', 'unless'), onClause, vector)
        .map(([left, operator, on, right]) => `(${left}) ${operator}${on} (${right})`),
      fc
        .tuple(
          fc.boolean(),
          vector,
          fc.constantFrom(...ARITHMETIC, ...COMPARISONS),
          boolean,
          scalar,
        )
        .map(([isLeft, text, operator, bool, scalarText]) => {
          const symbol = symbolOf(operator, bool);
          const of = operandOf(operator, text);
          // Of a scalar there is no clamping: what is taken a remainder by is a plain number.
          const other = operator === '%' ? '100.7' : scalarText;
          return isLeft ? `(${of}) ${symbol} ${other}` : `${other} ${symbol} (${of})`;
        }),
      vector.map((of) => `-(${of})`),
      vector.map((of) => `-${of}`),
    );
  }

  #scalar(depth: number): fc.Arbitrary<string> {
    if (depth === 0) return fc.oneof(number, fc.constantFrom('time()', 'pi()'));
    const scalar = this.scalar(depth - 1);
    return fc.oneof(
      { weight: 4, arbitrary: number },
      { weight: 1, arbitrary: this.vector(depth - 1).map((of) => `scalar(${of})`) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(scalar, fc.constantFrom('+', '-', '*', '/', '^', 'atan2'), scalar)
          .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(scalar, fc.constantFrom(...COMPARISONS), scalar)
          .map(([left, operator, right]) => `(${left} ${operator} bool ${right})`),
      },
      { weight: 1, arbitrary: scalar.map((of) => `-${of}`) },
    );
  }

  #range(depth: number): fc.Arbitrary<string> {
    const plain = fc
      .tuple(selectorOf([...gauges, ...odd, ...counters, ...counters]), duration, modifiers)
      .map(([of, length, how]) => `${of}[${length}]${how}`);
    if (depth === 0) return plain;
    return fc.oneof(plain, plain, this.#subquery(this.#inner.vector(depth - 1)));
  }

  /** How far a rate goes towards the zero of a counter is different since Prometheus 3; ours are far from zero. */
  #counterRange(): fc.Arbitrary<string> {
    const counter = selectorOf(counters);
    return fc.oneof(
      fc.tuple(counter, duration, modifiers).map(([of, length, how]) => `${of}[${length}]${how}`),
      this.#subquery(counter),
    );
  }

  /** A range of samples none of which is NaN or infinite; sums of those have been mended since. */
  #finiteRange(): fc.Arbitrary<string> {
    const finite = selectorOf([...gauges, ...counters]);
    return fc.oneof(
      fc.tuple(finite, duration, modifiers).map(([of, length, how]) => `${of}[${length}]${how}`),
      this.#subquery(finite),
    );
  }

  #subquery(of: fc.Arbitrary<string>): fc.Arbitrary<string> {
    return fc
      .tuple(of, subqueryRange, subqueryStep, this.#isInner ? innerModifiers : outerModifiers)
      .map(([text, length, step, how]) => `(${text})[${length}:${step}]${how}`);
  }

  #relabelling(vector: fc.Arbitrary<string>): fc.Arbitrary<string> {
    const label = fc.constantFrom('job', 'zone', 'new', '__name__');
    const replacement = fc.constantFrom('$1', '', 'x-${1}', '$2-$1', '$name');
    const pattern = fc.constantFrom('(.*)', '(a|1)', '(?P<name>.).*(.?)', 'nothing', '');
    return fc.oneof(
      fc
        .tuple(vector, label, replacement, fc.constantFrom(...LABELS), pattern)
        .map(
          ([of, to, by, from, what]) =>
            `label_replace(${of}, "${to}", "${by}", "${from}", "${what}")`,
        ),
      fc.tuple(vector, label, fc.constantFrom('', '-'), someLabels).map(([of, to, by, from]) => {
        const sources = from.map((name) => `, "${name}"`).join('');
        return `label_join(${of}, "${to}", "${by}"${sources})`;
      }),
    );
  }

  #quantileOfBuckets(): fc.Arbitrary<string> {
    const rate = fc
      .tuple(fc.constantFrom('rate', 'increase'), selectorOf([buckets]), duration, modifiers)
      .map(([name, of, length, how]) => `${name}(${of}[${length}]${how})`);
    const source = fc.oneof(
      selectorOf([buckets]),
      rate,
      rate.map((of) => `sum by (le) (${of})`),
      rate.map((of) => `sum without (instance) (${of})`),
      rate.map((of) => `label_replace(${of}, "le", "x", "le", "1")`),
    );
    return fc
      .tuple(fc.constantFrom('0.5', '0.9', '0', '1', '-1', '2', 'NaN', '0.01'), source)
      .map(([phi, of]) => `histogram_quantile(${phi}, ${of})`);
  }

  /**
   * Not of what was computed: values that differ in the last digit have different texts. With `by`, 2.42 goes wrong unless
   * the label of the value comes last.
   */
  #valueCount(): fc.Arbitrary<string> {
    const how = fc.oneof(
      listed.map((names) => ` by ${names} ("zzz", `),
      fc
        .tuple(listed, fc.constantFrom('value', 'job', 'version', '__name__'))
        .map(([names, label]) => ` without ${names} ("${label}", `),
      fc.constant('("__name__", '),
    );
    return fc
      .tuple(how, selectorOf([...gauges, ...odd, ...counters]))
      .map(([prefix, of]) => `count_values${prefix}${of})`);
  }

  #vectorOperation(vector: fc.Arbitrary<string>): fc.Arbitrary<string> {
    const grouped = fc.constantFrom(
      '',
      '',
      ' group_left ()',
      ' group_right ()',
      ' group_left (version)',
    );
    return fc.oneof(
      fc
        .tuple(
          vector,
          fc.constantFrom(...ARITHMETIC, ...COMPARISONS),
          boolean,
          onClause,
          vector,
          grouped,
        )
        .map(([left, operator, bool, on, right, group]) => {
          const symbol = symbolOf(operator, bool);
          const operands = [left, right].map((text) => operandOf(operator, text));
          return `(${operands[0]}) ${symbol}${on}${on === '' ? '' : group} (${operands[1]})`;
        }),
      fc
        .tuple(
          selectorOf([...gauges, ...counters]),
          fc.constantFrom('*', '+', '>'),
          fc.constantFrom('', '(version)', '(version, zone)'),
        )
        .map(
          ([of, operator, copied]) =>
            `${of} ${operator} on (job, instance) group_left${copied} ${info}`,
        ),
    );
  }
}

function symbolOf(operator: string, bool: string): string {
  return COMPARISONS.includes(operator) ? operator + bool : operator;
}

function operandOf(operator: string, vector: string): string {
  // Until Prometheus 3, `atan2` alone kept the name of its left side.
  if (operator === 'atan2') return `abs(${vector})`;
  // The remainder of what is huge is made of its last digit, which powers need not have in common.
  return operator === '%' ? `clamp(${vector}, -1e6, 1e6)` : vector;
}

const boolean = fc.constantFrom('', ' bool');
const onClause = fc.oneof(
  fc.constant(''),
  fc.tuple(fc.constantFrom('on', 'ignoring'), listed).map(([how, names]) => ` ${how} ${names}`),
);
/** The offsets of subqueries that are asked for at the time of the query. */
const outerModifiers = fc
  .tuple(
    fc.oneof(
      PLAIN,
      atTime.map((time) => ` @ ${time}`),
    ),
    fc.oneof(PLAIN, fc.constantFrom(' offset 1m', ' offset -45s', ' offset 2m5s')),
  )
  .map(([at, offset]) => at + offset);

const grammar = new Grammar(new Grammar(null));

/** Expressions with the times they are to be asked for. */
export const randomQuery: fc.Arbitrary<RandomQuery> = fc
  .record({
    text: fc.oneof(
      { weight: 3, arbitrary: grammar.vector(1) },
      { weight: 6, arbitrary: grammar.vector(2) },
      { weight: 4, arbitrary: grammar.vector(3) },
      { weight: 1, arbitrary: grammar.scalar(3) },
      // A subquery without a step in its window may show what `@` pins, though it lies elsewhere.
      { weight: 1, arbitrary: grammar.range(2).filter((of) => !/^\(.*:3m\]/.test(of)) },
    ),
    start: fc.nat({ max: (DATA_MS + 8 * 60_000) / 5_000 }),
    stepMs: fc.constantFrom(5_000, 15_000, 40_000, 60_000, 300_000),
    steps: fc.integer({ min: 1, max: 30 }),
  })
  .map(({ text, start, stepMs, steps }) => ({
    text,
    startMs: BASE_MS + start * 5_000 + 3_000,
    stepMs,
    steps,
  }));
