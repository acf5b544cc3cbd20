import type { Labels } from '#libs/labels';
import type { Grouping, RangeAggregation, RangeOperator } from '../ast.ts';
import { labelsOfFilter } from '../pipeline/label-filters.ts';
import { LabelNeeds } from '../pipeline/label-needs.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import type { EvaluatedSeries } from './evaluated-series.ts';
import { absentLabels } from './absent-labels.ts';
import { LeafSeries } from './leaf-series.ts';
import { LogqlQueryError } from './logql-query-error.ts';
import { type PaneKind, Panes, WindowJoiner } from './panes.ts';
import { compileSample } from './sample-values.ts';
import { SampleColumns } from './sample-columns.ts';
import { checkSignal, type QueryRun, scanLines } from './scan.ts';
import { ValuePanes } from './value-panes.ts';
import { RelativeTimes, Windows } from './windows.ts';

/** The steps of a query, in milliseconds. */
export interface Steps {
  readonly startMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/** What an aggregation gives: values at the steps, or samples that a function of PromQL is still to be applied to. */
export interface EvaluatedRange {
  readonly series: readonly EvaluatedSeries[];
  /** How PromQL reads it: `$` stands for the selector. */
  readonly promql: string;
}

const KINDS: Readonly<Record<RangeOperator, PaneKind | 'samples' | 'values'>> = {
  rate: 'sum',
  rate_counter: 'samples',
  count_over_time: 'count',
  bytes_rate: 'sum',
  bytes_over_time: 'sum',
  absent_over_time: 'count',
  sum_over_time: 'sum',
  avg_over_time: 'sum',
  min_over_time: 'min',
  max_over_time: 'max',
  first_over_time: 'first',
  last_over_time: 'last',
  stddev_over_time: 'variance',
  stdvar_over_time: 'variance',
  quantile_over_time: 'values',
};

/**
 * Evaluates an aggregation over lines at every step.
 * @param grouping what its series may be put together by: its own, or that of a sum around it
 * @throws LogqlQueryError
 */
export async function evaluateRange(
  run: QueryRun,
  aggregation: RangeAggregation,
  grouping: Grouping | null,
  steps: Steps,
): Promise<EvaluatedRange> {
  const { operator, rangeNs, offsetNs, unwrap } = aggregation;
  const windows = new Windows({
    firstEndNs: BigInt(steps.startMs) * 1_000_000n - BigInt(Math.round(offsetNs)),
    stepNs: steps.stepMs * 1_000_000,
    count: steps.count,
    rangeNs: Math.round(rangeNs),
  });
  const pipeline = new Pipeline(aggregation.log.stages, {
    needs: needsOf(aggregation, grouping),
    nowMs: run.nowMs,
  });
  const kind = operator === 'rate' && unwrap === null ? 'count' : KINDS[operator];
  const by = operator === 'absent_over_time' ? { isWithout: false, labels: [] } : grouping;
  const collect = { run, aggregation, pipeline, windows, grouping: by };
  if (kind === 'samples') return evaluateSamples(collect);
  if (kind === 'values') return { series: await evaluateQuantiles(collect, steps), promql: '$' };
  const series = await evaluatePanes(collect, kind, steps);
  if (operator !== 'absent_over_time') return { series, promql: '$' };
  return { series: [absentSeries(aggregation, series, steps)], promql: '$' };
}

interface Collect {
  readonly run: QueryRun;
  readonly aggregation: RangeAggregation;
  readonly pipeline: Pipeline;
  readonly windows: Windows;
  readonly grouping: Grouping | null;
}

/** The labels that the series have and that the samples are made of. */
function needsOf({ operator, unwrap }: RangeAggregation, grouping: Grouping | null): LabelNeeds {
  const own = unwrap === null ? [] : [unwrap.label, ...unwrap.filters.flatMap(labelsOfFilter)];
  if (operator === 'absent_over_time') return new LabelNeeds(new Set(own));
  if (grouping === null || grouping.isWithout) return LabelNeeds.ALL;
  return new LabelNeeds(new Set([...own, ...grouping.labels]));
}

/** Calls `add` with each line's series, pane, value and time. */
async function collectSamples<T>(
  { run, aggregation, pipeline, windows }: Collect,
  table: LeafSeries<T>,
  add: (series: T, pane: number, value: number, relativeNs: number) => void,
): Promise<void> {
  const sampleOf = compileSample(aggregation);
  let times = new RelativeTimes(new BigInt64Array(0), 0n);
  let lastBatch: object | null = null;
  let lastSeries: T | null = null;
  // Where labels are the stream's own, all lines of a batch are of one series.
  const isUniform = pipeline.keepsLabels && aggregation.unwrap === null;
  const { matchers } = aggregation.log;
  const { startNs, endNs } = windows;
  await scanLines(
    run,
    { matchers, startNs, endNs, direction: 'forward' },
    pipeline,
    (line, batch, index) => {
      if (batch !== lastBatch) {
        lastBatch = batch;
        lastSeries = null;
        times = new RelativeTimes(batch.timesNs, windows.baseNs);
      }
      const relativeNs = times.at(index);
      const pane = windows.paneAt(relativeNs);
      if (pane < 0) return true;
      const value = sampleOf(line, batch);
      if (value === null) return true;
      if (lastSeries === null || !isUniform || line.labels.overlayKey() !== null) {
        lastSeries = table.seriesOf(line, batch);
      }
      add(lastSeries, pane, value, relativeNs);
      return true;
    },
  );
}

async function evaluatePanes(
  collect: Collect,
  kind: PaneKind,
  steps: Steps,
): Promise<readonly EvaluatedSeries[]> {
  const { run, aggregation, windows, grouping } = collect;
  const { maxCells, maxSeries } = run.limits;
  const cellsPerSeries = windows.paneCount * Panes.columnsOf(kind);
  let cells = windows.paneCount * 6;
  const table = new LeafSeries(grouping, maxSeries, () => {
    cells += cellsPerSeries + windows.count * 2;
    checkCells(cells, maxCells);
    return new Panes(kind, windows.paneCount);
  });
  checkCells(cells, maxCells);
  await collectSamples(collect, table, (panes, pane, value, relativeNs) =>
    panes.add(pane, value, relativeNs),
  );
  const joiner = new WindowJoiner(windows);
  const result: EvaluatedSeries[] = [];
  for (const { labels, series } of table.all) {
    joiner.join(series);
    result.push(finish(aggregation, labels, joiner, steps));
    await run.pause();
  }
  return result;
}

function checkCells(cells: number, maxCells: number): void {
  if (cells <= maxCells) return;
  throw new LogqlQueryError(
    'limit',
    `the query holds more than the ${maxCells} numbers that are allowed; ask for a longer step, a shorter time or fewer series`,
  );
}

function finish(
  { operator, unwrap, rangeNs }: RangeAggregation,
  labels: Labels,
  { counts, values, extras }: WindowJoiner,
  steps: Steps,
): EvaluatedSeries {
  const timesMs = new Float64Array(steps.count);
  const column = new Float64Array(steps.count);
  const rangeSeconds = rangeNs / 1e9;
  let length = 0;
  for (let step = 0; step < steps.count; step++) {
    const count = counts[step]!;
    if (count === 0) continue;
    const value = values[step]!;
    timesMs[length] = steps.startMs + step * steps.stepMs;
    switch (operator) {
      case 'count_over_time':
      case 'absent_over_time':
        column[length] = count;
        break;
      case 'rate':
        column[length] = (unwrap === null ? count : value) / rangeSeconds;
        break;
      case 'bytes_rate':
        column[length] = value / rangeSeconds;
        break;
      case 'avg_over_time':
        column[length] = value / count;
        break;
      case 'stdvar_over_time':
        column[length] = extras[step]! / count;
        break;
      case 'stddev_over_time':
        column[length] = Math.sqrt(extras[step]! / count);
        break;
      case 'bytes_over_time':
      case 'sum_over_time':
      case 'min_over_time':
      case 'max_over_time':
      case 'first_over_time':
      case 'last_over_time':
      case 'rate_counter':
      case 'quantile_over_time':
        column[length] = value;
    }
    length++;
  }
  return { labels, timesMs: timesMs.subarray(0, length), values: column.subarray(0, length) };
}

/** 1 at the steps at which there is nothing. */
function absentSeries(
  { log }: RangeAggregation,
  present: readonly EvaluatedSeries[],
  { startMs, stepMs, count }: Steps,
): EvaluatedSeries {
  const there = new Set<number>();
  for (const { timesMs } of present) for (const timeMs of timesMs) there.add(timeMs);
  const timesMs: number[] = [];
  for (let step = 0; step < count; step++) {
    const timeMs = startMs + step * stepMs;
    if (!there.has(timeMs)) timesMs.push(timeMs);
  }
  return {
    labels: absentLabels(log.matchers),
    timesMs: Float64Array.from(timesMs),
    values: new Float64Array(timesMs.length).fill(1),
  };
}

async function evaluateQuantiles(
  collect: Collect,
  steps: Steps,
): Promise<readonly EvaluatedSeries[]> {
  const { run, aggregation, windows, grouping } = collect;
  const { maxCells, maxSeries } = run.limits;
  let cells = 0;
  const table = new LeafSeries(grouping, maxSeries, () => {
    cells += windows.paneCount * 2 + steps.count * 2;
    checkCells(cells, maxCells);
    return new ValuePanes(windows.paneCount);
  });
  await collectSamples(collect, table, (panes, pane, value) => {
    cells += 2;
    checkCells(cells, maxCells);
    panes.add(pane, value);
  });
  const result: EvaluatedSeries[] = [];
  for (const { labels, series } of table.all) {
    series.sort();
    const timesMs = new Float64Array(steps.count);
    const values = new Float64Array(steps.count);
    let length = 0;
    for (let step = 0; step < steps.count; step++) {
      const count = series.countIn(windows, step);
      if (count === 0) continue;
      timesMs[length] = steps.startMs + step * steps.stepMs;
      values[length] = series.quantile(windows, step, count, aggregation.parameter ?? 0);
      length++;
      const turn = run.pause();
      if (turn !== null) {
        await turn;
        checkSignal(run.signal);
      }
    }
    result.push({
      labels,
      timesMs: timesMs.subarray(0, length),
      values: values.subarray(0, length),
    });
  }
  return result;
}

/** Collects samples, to which PromQL's `rate` is applied. */
async function evaluateSamples(collect: Collect): Promise<EvaluatedRange> {
  const { run, aggregation, windows, grouping } = collect;
  const { rangeNs, offsetNs } = aggregation;
  const { maxCells, maxSeries } = run.limits;
  let samples = 0;
  const table = new LeafSeries(grouping, maxSeries, () => new SampleColumns());
  await collectSamples(collect, table, (columns, _pane, value, relativeNs) => {
    samples++;
    checkCells(samples * 2, maxCells);
    columns.add(relativeNs, value);
  });
  // Windows hold what is after their start, so a time between two milliseconds belongs to the later one.
  const baseMs = Number(windows.baseNs / 1_000_000n);
  const restNs = Number(windows.baseNs % 1_000_000n);
  const toMs = (relativeNs: number): number =>
    baseMs + Math.ceil((relativeNs + restNs) / 1_000_000) + Math.round(offsetNs / 1_000_000);
  const rangeMs = Math.max(1, Math.round(rangeNs / 1_000_000));
  return {
    series: table.all.map(({ labels, series }) => series.finish(labels, toMs)),
    promql: `rate($[${rangeMs}ms])`,
  };
}

/** A number as PromQL reads it. */
export function promqlNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Inf' : '(-Inf)';
  return value < 0 || Object.is(value, -0) ? `(${value})` : String(value);
}
