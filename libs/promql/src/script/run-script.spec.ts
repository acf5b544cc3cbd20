import { describe, expect, it } from '@jest/globals';
import { createFloatHistogram, type FloatHistogram } from '#libs/histogram';
import { Labels } from '#libs/labels';
import { STALE_MARKER } from '#libs/samples';
import type { Plan } from '../execute/query-engine.ts';
import { QueryError } from '../execute/query-error.ts';
import type {
  Annotations,
  MatrixResult,
  QueryResult,
  QueryValue,
  VectorResult,
} from '../execute/query-result.ts';
import { parseScript } from './parse-script.ts';
import { runScript, type ScriptEngine } from './run-script.ts';

const NO_STATS = { samplesRead: 0, peakSamples: 0 };
const QUIET: Annotations = { warnings: [], infos: [] };

/** An engine that answers the same to everything. */
function engineAnswering(
  answer: QueryValue | Error,
  annotations: Annotations = QUIET,
): ScriptEngine {
  const answerOf = (value: QueryValue): QueryResult => ({ value, annotations, stats: NO_STATS });
  return {
    prepare: (expr): Plan => ({
      expr,
      valueType: 'vector',
      sharableParts: [],
      selectors: [],
      instant: async () => {
        if (answer instanceof Error) throw answer;
        return answerOf(answer);
      },
      range: async (startMs, _, stepMs) => {
        if (answer instanceof Error) throw answer;
        const value = answer.kind === 'matrix' ? answer : asMatrix(answer, startMs + stepMs);
        return answerOf(value) as QueryResult<MatrixResult>;
      },
    }),
  };
}

function asMatrix(answer: QueryValue, timeMs: number): MatrixResult {
  if (answer.kind !== 'vector') return { kind: 'matrix', series: [] };
  return {
    kind: 'matrix',
    series: answer.labels
      .map((labels, index) => ({
        labels,
        timesMs: Float64Array.of(timeMs),
        values: answer.values.subarray(index, index + 1),
        histograms: answer.histograms === null ? null : [answer.histograms[index] ?? null],
      }))
      .toSorted((a, b) => (a.labels.toString() < b.labels.toString() ? -1 : 1)),
  };
}

function vector(points: Readonly<Record<string, number | FloatHistogram>>): VectorResult {
  const entries = Object.entries(points);
  return {
    kind: 'vector',
    timeMs: 0,
    labels: entries.map(([name]) => Labels.fromRecord({ __name__: name })),
    values: Float64Array.from(entries, ([, point]) => (typeof point === 'number' ? point : 0)),
    histograms: entries.map(([, point]) => (typeof point === 'number' ? null : point)),
  };
}

function matrix(
  points: Readonly<Record<string, readonly (readonly [number, number])[]>>,
): MatrixResult {
  return {
    kind: 'matrix',
    series: Object.entries(points).map(([name, samples]) => ({
      labels: Labels.fromRecord({ __name__: name }),
      timesMs: Float64Array.from(samples, ([timeMs]) => timeMs),
      values: Float64Array.from(samples, ([, value]) => value),
      histograms: null,
    })),
  };
}

/** The failure of the only case of a script. */
async function outcome(script: string, engine: ScriptEngine): Promise<string | null> {
  for await (const { failure } of runScript(parseScript(script), engine)) return failure;
  throw new Error('the script has no case');
}

const histogram = createFloatHistogram({
  count: 3,
  sum: 2,
  positiveSpans: [
    { offset: 0, length: 2 },
    { offset: 1, length: 1 },
  ],
  positiveBuckets: [1, 0, 2],
});
const twoFloats = engineAnswering(vector({ a: 1, b: 2 }));
const oneFloat = engineAnswering(vector({ a: 1 }));
const oneHistogram = engineAnswering(vector({ a: histogram }));
const nothing = engineAnswering(vector({}));
const scalar = engineAnswering({ kind: 'scalar', timeMs: 0, value: 2 });
const text = engineAnswering({ kind: 'string', timeMs: 0, value: 'x' });
const broken = engineAnswering(new QueryError('execution', 'it broke: badly'));
const remarks = engineAnswering(vector({ a: 1 }), {
  warnings: ['PromQL warning: w (1:1)'],
  infos: ['PromQL info: i (1:1)'],
});
const stale = engineAnswering({ ...vector({ a: 0 }), values: STALE_MARKER.slice() });
const points = engineAnswering(
  matrix({
    a: [
      [0, 1],
      [60_000, 2],
    ],
  }),
);
const unsorted = engineAnswering(matrix({ b: [[0, 1]], a: [[0, 1]] }));
const twice = engineAnswering({
  ...vector({ a: 1, b: 1 }),
  labels: [Labels.fromRecord({ __name__: 'a' }), Labels.fromRecord({ __name__: 'a' })],
});

const instant = 'eval instant at 1m x';
const range = 'eval range from 0 to 1m step 1m x';

describe('runScript', () => {
  it.each<[string, string[], ScriptEngine]>([
    ['values', ['a 1', 'b 2'], twoFloats],
    ['values in any order', ['b 2', 'a 1'], twoFloats],
    ['values to the tolerance', ['a 1.0000001', 'b 2'], twoFloats],
    ['an order', ['expect ordered', 'a 1', 'b 2'], twoFloats],
    ['nothing', [], nothing],
    [
      'a histogram, however its buckets are cut into spans',
      ['a {{count:3 sum:2 buckets:[1 0 0 2]}}'],
      oneHistogram,
    ],
    ['a stale marker', ['a stale'], stale],
    ['any failure', ['expect fail'], broken],
    ['a failure by its text', ['expect fail msg: it broke: badly'], broken],
    ['a failure by a pattern', ['expect fail regex: br.ke'], broken],
    ['any warning', ['expect warn', 'a 1'], remarks],
    ['a warning by its text', ['expect warn msg: PromQL warning: w (1:1)', 'a 1'], remarks],
    ['an info by a pattern', ['expect info regex: info: .', 'a 1'], remarks],
    ['no warning', ['expect no_warn', 'expect no_info', 'a 1'], oneFloat],
    ['annotations nobody asked about', ['a 1'], remarks],
    ['a string', ['expect string "x"'], text],
    ['a range vector', ['expect range vector from 0 to 1m step 1m', 'a 1 2'], points],
  ])('passes %s', async (_, lines, engine) => {
    expect(await outcome([instant, ...lines].join('\n'), engine)).toBeNull();
  });

  it.each<[string, string[], ScriptEngine, string]>([
    ['a wrong value', ['a 2'], oneFloat, 'expected 2, got 1'],
    ['a value beyond the tolerance', ['a 1.00001'], oneFloat, 'expected 1.00001, got 1'],
    ['NaN for a number', ['a NaN'], oneFloat, 'expected NaN, got 1'],
    ['a series that is missing', ['a 1', 'c 2'], twoFloats, 'is not in the result'],
    ['a series too many', ['a 1'], twoFloats, 'unexpected series b'],
    ['anything where nothing is expected', [], oneFloat, 'unexpected series a'],
    ['a series with no points expected', ['a _'], oneFloat, 'unexpected series a'],
    ['a series that comes twice', ['a 1'], twice, 'twice'],
    ['a wrong order', ['expect ordered', 'b 2', 'a 1'], twoFloats, 'position'],
    ['a scalar for a vector', ['a 1'], scalar, 'expected a vector, got scalar 2'],
    ['a vector for a scalar', ['1'], oneFloat, 'expected scalar 1'],
    ['a wrong scalar', ['3'], scalar, 'expected scalar 3, got 2'],
    ['a wrong string', ['expect string "y"'], text, 'expected string "y"'],
    ['a string for a vector', ['a 1'], text, 'got string "x"'],
    ['a vector for a string', ['expect string "x"'], oneFloat, 'expected a string'],
    ['a float for a histogram', ['a {{count:1}}'], oneFloat, 'expected histogram'],
    ['a histogram for a float', ['a 3'], oneHistogram, 'expected 3, got {{'],
    [
      'a wrong count',
      ['a {{count:4 sum:2 buckets:[1 0 0 2]}}'],
      oneHistogram,
      'different in count',
    ],
    ['a wrong sum', ['a {{count:3 sum:3 buckets:[1 0 0 2]}}'], oneHistogram, 'different in sum'],
    [
      'a wrong bucket',
      ['a {{count:3 sum:2 buckets:[1 0 2]}}'],
      oneHistogram,
      'different in buckets',
    ],
    [
      'a negative bucket too few',
      ['a {{count:3 sum:2 buckets:[1 0 0 2] n_buckets:[1]}}'],
      oneHistogram,
      'n_buckets',
    ],
    [
      'a wrong schema',
      ['a {{schema:1 count:3 sum:2 buckets:[1 0 0 2]}}'],
      oneHistogram,
      'in schema',
    ],
    [
      'a wrong zero bucket',
      ['a {{count:3 sum:2 z_bucket:1 buckets:[1 0 0 2]}}'],
      oneHistogram,
      'z_bucket',
    ],
    [
      'a wrong hint',
      ['a {{count:3 sum:2 buckets:[1 0 0 2] counter_reset_hint:gauge}}'],
      oneHistogram,
      'counter_reset_hint',
    ],
    ['a value for a stale marker', ['a stale'], oneFloat, 'expected a stale marker'],
    ['a stale marker for NaN', ['a NaN'], stale, 'got a stale marker'],
    ['a result for a failure', ['expect fail'], oneFloat, 'expected to fail'],
    ['a failure for a result', ['a 1'], broken, 'failed: it broke'],
    [
      'a failure of another text',
      ['expect fail msg: it broke'],
      broken,
      'it failed with: it broke: badly',
    ],
    ['a failure that does not match', ['expect fail regex: ^broke$'], broken, 'it failed with'],
    ['a missing warning', ['expect warn', 'a 1'], oneFloat, 'expected warning of any text'],
    [
      'a warning of another text',
      ['expect warn msg: PromQL warning: w', 'a 1'],
      remarks,
      'expected warning',
    ],
    ['a missing info', ['expect info regex: nothing', 'a 1'], remarks, 'expected info'],
    ['an unwanted warning', ['expect no_warn', 'a 1'], remarks, 'unexpected warning'],
    ['an unwanted info', ['expect no_info', 'a 1'], remarks, 'unexpected info'],
    ['a range vector nobody asked for', ['a 1'], points, 'got a range vector'],
    [
      'a range vector with another value',
      ['expect range vector from 0 to 1m step 1m', 'a 1 3'],
      points,
      'at 60000 ms expected 3, got 2',
    ],
    [
      'a range vector with a point too many',
      ['expect range vector from 0 to 1m step 1m', 'a 1'],
      points,
      'unexpected point 2',
    ],
    [
      'a range vector with a point too few',
      ['expect range vector from 0 to 2m step 1m', 'a 1 2 3'],
      points,
      'no point at 120000 ms',
    ],
    [
      'a vector for a range vector',
      ['expect range vector from 0 to 1m step 1m', 'a 1'],
      oneFloat,
      'expected a range vector',
    ],
  ])('does not pass %s', async (_, lines, engine, reason) => {
    expect(await outcome([instant, ...lines].join('\n'), engine)).toContain(reason);
  });

  it.each<[string, string[], ScriptEngine, string | null]>([
    ['values', ['a 1 2'], points, null],
    ['a wrong value', ['a 1 3'], points, 'expected 3, got 2'],
    ['a point that should not be there', ['a 1 _'], points, 'unexpected point 2'],
    ['a point missing', ['a _ 2'], points, 'unexpected point 1'],
    ['a series missing', ['a 1 2', 'b 1'], points, 'is not in the result'],
    ['a series too many', [], points, 'unexpected series a'],
    ['an unsorted matrix', ['a 1', 'b 1'], unsorted, 'not sorted'],
  ])('compares %s of a range query', async (_, lines, engine, reason) => {
    const failure = await outcome([range, ...lines].join('\n'), engine);
    expect(failure ?? 'passed').toContain(reason ?? 'passed');
  });

  it.each([
    ['eval_fail instant at 1m x', broken, oneFloat],
    ['eval_fail instant at 1m x\nexpected_fail_message it broke: badly', broken, oneFloat],
    ['eval_fail instant at 1m x\nexpected_fail_regexp bad', broken, oneFloat],
    ['eval_warn instant at 1m x\na 1', remarks, oneFloat],
    ['eval_info instant at 1m x\na 1', remarks, oneFloat],
    ['eval_ordered instant at 1m x\nb 2\na 1', engineAnswering(vector({ b: 2, a: 1 })), twoFloats],
  ])('knows the old form of %j', async (script, good, bad) => {
    expect(await outcome(script, good)).toBeNull();
    expect(await outcome(script, bad)).not.toBeNull();
  });

  it('fails a query that does not parse, whatever is expected, and goes on', async () => {
    const script = 'eval instant at 1m sum(\n expect fail\n\neval instant at 1m x\n a 1';
    const failures: (string | null)[] = [];
    for await (const { failure } of runScript(parseScript(script), oneFloat)) {
      failures.push(failure);
    }
    expect(failures).toEqual(['does not parse: 1:5: parse error: unclosed left parenthesis', null]);
  });

  it('asks the same at other times with @ and as a range query', async () => {
    const asked: string[] = [];
    const engine: ScriptEngine = {
      prepare: (expr) => {
        const at =
          expr.kind === 'vector-selector' && expr.at?.kind === 'time' ? expr.at.timeMs : '';
        const plan = oneFloat.prepare(expr);
        return {
          ...plan,
          instant: (timeMs) => {
            asked.push(`${timeMs}@${at}`);
            return plan.instant(timeMs);
          },
          range: (startMs, endMs, stepMs) => {
            asked.push(`${startMs}-${endMs}@${at}`);
            return plan.range(startMs, endMs, stepMs);
          },
        };
      },
    };
    expect(await outcome(`${instant}\na 1`, engine)).toBeNull();
    expect(asked).toEqual([
      '60000@',
      '0-120000@',
      '-600000@60000',
      '-660000--540000@60000',
      '0@60000',
      '-60000-60000@60000',
      '12000@60000',
      '-48000-72000@60000',
      '60000@60000',
      '0-120000@60000',
      '600000@60000',
      '540000-660000@60000',
    ]);
    asked.length = 0;
    await outcome('eval instant at 0 timestamp(x)\na 1', engine);
    await outcome('eval instant at 0 x\nexpect fail', engine);
    expect(asked).toEqual(['0@', '-60000-60000@', '0@']);
  });
});

describe('parseScript', () => {
  it('splits commands at blank lines and comments', () => {
    const script = [
      'clear',
      'load 5m',
      '  a 1x2',
      '# a comment ends the block',
      'eval instant at 5m a',
      '  a 1',
      '',
      'CLEAR',
    ].join('\n');
    const kinds = parseScript(script).map(({ kind, line }) => `${kind}:${line}`);
    expect(kinds).toEqual(['clear:1', 'load:2', 'eval:5', 'clear:8']);
  });

  it.each([
    ['bogus', 'line 1: "bogus": expected clear, load or eval'],
    ['load', 'line 1'],
    ['load 5x', 'line 1'],
    ['\nload 5m\n a{ 1', 'line 3'],
    ['load 5m\n a@st -1m', 'line 2: start timestamps without their series'],
    ['load 5m\n a@st -1m\n b 1', 'line 3: start timestamps'],
    ['load 5m\n a@st -1m\n a 1 2', 'line 3: start timestamps'],
    ['eval instant 5m x', 'line 1'],
    ['eval instant at 1.5m x', 'line 1'],
    ['eval range from 1m to 0 step 1m x', 'the end is before the start'],
    ['eval range from 0 to 1m step 0 x', 'the step has to be above 0'],
    ['eval_bogus instant at 1m x', 'line 1'],
    ['eval instant at 1m x\n expect bogus', 'line 2'],
    ['eval instant at 1m x\n expect fail text', 'line 2'],
    ['eval instant at 1m x\n expect fail\n expect fail', 'line 3'],
    ['eval instant at 1m x\n expect fail regex: (', 'line 2'],
    ['eval instant at 1m x\n expect warn\n expect no_warn', 'cannot be both'],
    ['eval instant at 1m x\n a 1 2', 'has 2 values'],
    ['eval instant at 1m x\n 1\n a 1', 'more than one kind'],
    ['eval instant at 1m x\n expect string x', 'line 2'],
    ['eval range from 0 to 1m step 1m x\n expect ordered', 'always in order'],
  ])('refuses %j', (script, message) => {
    expect(() => parseScript(script)).toThrow(message);
  });

  it('takes a metric called expect in braces', () => {
    const [command] = parseScript('eval instant at 1m x\n expect{} 1');
    expect(command).toMatchObject({ series: [{ values: [{ kind: 'float', value: 1 }] }] });
  });

  it('keeps the query as it is written', () => {
    const [command] = parseScript('eval instant at 1m   sum( a )');
    expect(command).toMatchObject({ query: 'sum( a )' });
  });
});
