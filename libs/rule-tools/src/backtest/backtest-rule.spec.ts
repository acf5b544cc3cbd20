import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Labels } from '#libs/labels';
import { MemorySeriesSource, parseExpr, parseMetricSelector, QueryEngine } from '#libs/promql';
import {
  type AlertingRuleConfig,
  type AlertStateChange,
  DEFAULT_RULE_TIMING,
  MemoryAlertStateStore,
  parseRuleFile,
  QueryEngineEvaluator,
  type RuleFile,
  RuleManager,
} from '#libs/rules';
import { type BacktestOptions, backtestRule, type RuleBacktest } from './backtest-rule.ts';
import { type RangeSeries, type RangeSource, RangeSourceError } from './range-source.ts';

const MINUTE = 60_000;
const START = 100 * MINUTE;

/** One character a minute from {@link START} on: `x` fires, `.` does not, a blank is no sample at all. */
function past(patterns: Readonly<Record<string, string>>): MemorySeriesSource {
  const source = new MemorySeriesSource();
  for (const [instance, pattern] of Object.entries(patterns)) {
    const labels = Labels.fromRecord({ __name__: 'm', instance });
    pattern.split('').forEach((character, i) => {
      if (character === ' ') return;
      source.add(labels, START + i * MINUTE, { kind: 'float', value: character === 'x' ? 1 : 0 });
    });
  }
  return source;
}

function engineOver(source: MemorySeriesSource): QueryEngine {
  return new QueryEngine({
    nowMs: () => 0,
    yieldToLoop: () => Promise.resolve(),
    source,
    lookbackMs: MINUTE,
  });
}

/** A Prometheus-compatible API over a store in memory. */
class LocalSource implements RangeSource {
  readonly #engine: QueryEngine;
  readonly #source: MemorySeriesSource;
  readonly asked: string[] = [];
  /** Ranges of more steps are too much. */
  maxSteps = Infinity;

  constructor(source: MemorySeriesSource) {
    this.#source = source;
    this.#engine = engineOver(source);
  }

  async range(
    expr: string,
    { startMs, endMs, stepMs }: { startMs: number; endMs: number; stepMs: number },
  ): Promise<readonly RangeSeries[]> {
    const steps = (endMs - startMs) / stepMs + 1;
    this.asked.push(`range ${steps}`);
    if (steps > this.maxSteps) throw new RangeSourceError('too_much', 'too many steps');
    try {
      const { value } = await this.#engine
        .prepare(parseExpr(expr), expr)
        .range(startMs, endMs, stepMs);
      return value.series;
    } catch (error) {
      throw new RangeSourceError('too_much', (error as Error).message);
    }
  }

  async instant(expr: string, timeMs: number): Promise<readonly RangeSeries[]> {
    this.asked.push('instant');
    try {
      const { value } = await this.#engine.prepare(parseExpr(expr), expr).instant(timeMs);
      if (value.kind !== 'vector') throw new Error(`a ${value.kind}`);
      return value.labels.map((labels, i) => ({
        labels,
        timesMs: Float64Array.of(timeMs),
        values: value.values.slice(i, i + 1),
      }));
    } catch (error) {
      throw new RangeSourceError('too_much', (error as Error).message);
    }
  }

  hasSeries(selector: string): Promise<boolean> {
    return Promise.resolve(this.#source.select(parseMetricSelector(selector)).rows.length > 0);
  }
}

const ruleFile = (rule: string, group = ''): RuleFile =>
  parseRuleFile(`groups: [{name: g, ${group} rules: [{alert: A, ${rule}}]}]`, { file: 'r.yml' });

async function backtest(
  source: RangeSource,
  rule: string,
  options: Partial<BacktestOptions> & { group?: string } = {},
): Promise<RuleBacktest> {
  const [group] = ruleFile(rule, options.group).groups;
  return backtestRule(group!.rules[0] as AlertingRuleConfig, group!, {
    source,
    startMs: START,
    endMs: START + 60 * MINUTE,
    stepMs: MINUTE,
    clockMs: () => 0,
    yieldToLoop: () => Promise.resolve(),
    ...options,
  });
}

/** Minutes after {@link START}, what was before at 0: `instance active-fired-ended`. */
const minuteOf = (timeMs: number): number => Math.max(0, (timeMs - START) / MINUTE);
const shown = ({ periods }: Pick<RuleBacktest, 'periods'>): string[] =>
  periods.map(({ labels, activeAtMs, firedAtMs, endedAtMs }) =>
    [
      labels.get('instance'),
      [activeAtMs, firedAtMs, endedAtMs ?? NaN].map(minuteOf).join('-'),
    ].join(' '),
  );

describe('a backtest', () => {
  it('tells when an alert would have fired, and for how long', async () => {
    const source = new LocalSource(past({ a: '..xxxx...x..xxxxx......' }));
    const result = await backtest(source, "expr: 'm == 1', for: 2m");
    expect(shown(result)).toEqual(['a 2-4-6', 'a 12-14-17']);
    expect(result).toMatchObject({
      firings: 2,
      firingMs: 5 * MINUTE,
      longestMs: 3 * MINUTE,
      flaps: 1,
      pages: 2,
      unfired: 1,
      failures: 0,
      unmatched: [],
    });
    expect(result.pagesPerWeek).toBeCloseTo(2 * 7 * 24);
  });

  it('counts alerts that begin together as one page', async () => {
    const source = new LocalSource(past({ a: '.xx.....', b: '.x......', c: '..x.....' }));
    const result = await backtest(source, "expr: 'm == 1'");
    expect(result).toMatchObject({ firings: 3, pages: 2, flaps: 0 });
  });

  it('knows what fired before, which is no page, and what still fires', async () => {
    const source = new LocalSource(past({ a: 'x'.repeat(90), b: 'xx' + '.'.repeat(88) }));
    const result = await backtest(source, "expr: 'm == 1', for: 10m", {
      startMs: START + 30 * MINUTE,
    });
    expect(shown(result)).toEqual(['a 19-29-NaN']);
    expect(result).toMatchObject({ pages: 0, firings: 1, firingMs: 30 * MINUTE });
  });

  it('keeps `keep_firing_for`, the group’s query offset and its limit', async () => {
    const source = new LocalSource(past({ a: '..x.x.....', b: '......x...' }));
    expect(shown(await backtest(source, "expr: 'm == 1', keep_firing_for: 3m"))).toEqual([
      'a 2-2-8',
      'b 6-6-10',
    ]);
    const late = await backtest(source, 'expr: \'m{instance="b"} == 1\'', {
      group: 'query_offset: 2m,',
    });
    expect(shown(late)).toEqual(['b 8-8-9']);
    const limited = await backtest(source, "expr: 'm', for: 0s", { group: 'limit: 1,' });
    expect(limited.failures).toBeGreaterThan(0);
    expect(limited.lastError).toBe('exceeded limit of 1 with 2 alerts');
  });

  it('asks for less where the answer is too much, and then for more again', async () => {
    const source = new LocalSource(past({ a: '.x'.repeat(30) }));
    source.maxSteps = 20;
    const result = await backtest(source, "expr: 'm == 1'");
    expect(result.firings).toBe(30);
    expect(result.failures).toBe(0);
    expect(source.asked.filter((each) => each === 'instant')).toEqual([]);
  });

  it('asks moment by moment where the expression depends on the range', async () => {
    const source = new LocalSource(past({ a: '..xx..' }));
    const result = await backtest(source, "expr: 'm @ end() == 1'");
    expect(shown(result)).toEqual(['a 2-2-4']);
    expect(new Set(source.asked)).toEqual(new Set(['instant']));
  });

  it('goes on after evaluations that fail, as a running rule would', async () => {
    const store = past({ a: 'xxxxxxxxxx' });
    // For two minutes there are two series for one.
    for (const minute of [3, 4]) {
      store.add(Labels.fromRecord({ __name__: 'n', of: 'a' }), START + minute * MINUTE, {
        kind: 'float',
        value: 1,
      });
      store.add(Labels.fromRecord({ __name__: 'n', of: 'b' }), START + minute * MINUTE, {
        kind: 'float',
        value: 1,
      });
    }
    const result = await backtest(
      new LocalSource(store),
      "expr: 'm == 1 unless on() (m + on() n)'",
    );
    expect(result.failures).toBe(2);
    expect(result.lastError).toContain('duplicate series');
    expect(shown(result)).toEqual(['a 0-0-10']);
  });

  it('gives up where nothing but errors comes', async () => {
    const down: RangeSource = {
      range: () => Promise.reject(new RangeSourceError('failed', 'nobody there')),
      instant: () => Promise.reject(new RangeSourceError('failed', 'nobody there')),
      hasSeries: () => Promise.resolve(true),
    };
    const result = await backtest(down, "expr: 'm'");
    expect(result).toMatchObject({ evaluations: 20, failures: 20, lastError: 'nobody there' });
    expect(result.givenUpAtMs).not.toBeNull();
  });

  it('names the selectors without series where nothing ever came', async () => {
    const source = new LocalSource(past({ a: '....' }));
    const result = await backtest(source, 'expr: \'m > 5 and gone{a="b"}\'');
    expect(result).toMatchObject({ firings: 0, unmatched: ['gone{a="b"}'] });
  });

  it('lists no more periods than it may, and counts all', async () => {
    const source = new LocalSource(past({ a: '.x'.repeat(20) }));
    const result = await backtest(source, "expr: 'm == 1'", { maxPeriods: 3 });
    expect(result.periods).toHaveLength(3);
    expect(result.firings).toBe(20);
  });
});

/** The periods that a running rule manager's changes of state tell of. */
async function livePeriods(
  store: MemorySeriesSource,
  file: RuleFile,
  endMs: number,
): Promise<string[]> {
  const state = new MemoryAlertStateStore();
  const open = new Map<string, [string, number, number]>();
  const done: string[] = [];
  let nowMs = 0;
  const end = (key: string, untilMs: number): void => {
    const [instance, ...times] = open.get(key)!;
    done.push(`${instance} ${[...times, untilMs].map(minuteOf).join('-')}`);
    open.delete(key);
  };
  const note = (change: AlertStateChange): void => {
    if (change.kind === 'evaluated') return;
    const next = change.kind === 'put' ? change.stored : null;
    if (next?.state.kind === 'firing') {
      const { activeAtMs, firedAtMs } = next.state;
      const instance = Labels.fromSortedFlat(next.labels).get('instance');
      if (!open.has(change.alert)) open.set(change.alert, [instance, activeAtMs, firedAtMs]);
    } else if (open.has(change.alert)) end(change.alert, nowMs);
  };
  const manager = new RuleManager({
    evaluator: new QueryEngineEvaluator(engineOver(store)),
    sink: { append: () => Promise.resolve() },
    stateStore: {
      load: () => state.load(),
      save: (changes) => {
        changes.forEach(note);
        return Promise.resolve();
      },
    },
    alertSink: { accept: () => undefined },
    externalLabels: Labels.EMPTY,
    externalUrl: '',
    clockMs: () => 0,
    yieldToLoop: () => Promise.resolve(),
    timing: DEFAULT_RULE_TIMING,
  });
  await manager.load([file], 0);
  for (nowMs = START - 30 * MINUTE; nowMs <= endMs; nowMs += MINUTE)
    await manager.groups[0]!.evaluate(nowMs, nowMs);
  for (const key of open.keys()) end(key, Number.NaN);
  return done;
}

describe('a backtest and a running rule', () => {
  const pattern = fc.string({
    unit: fc.constantFrom('x', 'x', '.', ' '),
    minLength: 1,
    maxLength: 60,
  });
  const rule = fc.record({
    expr: fc.constantFrom(
      'm == 1',
      'm',
      'absent(m == 1)',
      'sum(m) > 1',
      'max_over_time(m[5m]) == 1',
      'm == 1 and on() (sum(m) < 2)',
      'm + on() group_left sum(m) > 1',
      'm @ start() == 1',
    ),
    hold: fc.constantFrom('0s', '1m', '3m', '90s'),
    keep: fc.constantFrom('0s', '1m', '4m'),
    noData: fc.constantFrom('', 'binnacle_no_data: keep'),
    limit: fc.constantFrom('', 'limit: 1,'),
    labels: fc.constantFrom('', 'v: "{{ $value }}"'),
  });

  it('see the same alerts fire at the same times', () =>
    fc.assert(
      fc.asyncProperty(
        pattern,
        pattern,
        rule,
        fc.integer({ min: 1, max: 50 }),
        async (a, b, r, maxSteps) => {
          const text = `expr: '${r.expr}', for: ${r.hold}, keep_firing_for: ${r.keep}, labels: {${r.labels}}, annotations: {${r.noData}}`;
          const store = past({ a, b });
          const source = new LocalSource(store);
          source.maxSteps = maxSteps;
          const endMs = START + 70 * MINUTE;
          const result = await backtest(source, text, { endMs, group: r.limit });
          const live = await livePeriods(store, ruleFile(text, r.limit), endMs);
          expect(shown(result).toSorted()).toEqual(live.toSorted());
        },
      ),
      { numRuns: 150 },
    ));
});
