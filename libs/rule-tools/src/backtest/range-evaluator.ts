import type { Labels } from '#libs/labels';
import type { DurationExpr, Expr } from '#libs/promql';
import {
  type EvaluatedVector,
  EvaluationError,
  type Evaluator,
  type PreparedExpression,
} from '#libs/rules';
import { partsOf } from '../lint/expression-parts.ts';
import { type RangeSeries, type RangeSource, RangeSourceError } from './range-source.ts';

/** Prometheus gives at most this many points of a series in one answer. */
const MAX_STEPS = 11_000;
const FIRST_STEPS = 1_000;
const CEILING_GROWTH = 1.25;

export interface RangeEvaluatorOptions {
  readonly source: RangeSource;
  readonly stepMs: number;
  /** No later moment will be asked for. */
  readonly endMs: number;
}

/**
 * Evaluates expressions at rising moments, a step apart, out of range queries: one stretch of time is held at a time, as
 * long as the source will give.
 */
export class RangeEvaluator implements Evaluator {
  readonly #options: RangeEvaluatorOptions;

  constructor(options: RangeEvaluatorOptions) {
    this.#options = options;
  }

  prepare(expr: Expr, text: string): RangedExpression {
    return new RangedExpression(text, dependsOnRange(expr), this.#options);
  }

  share(): null {
    return null;
  }

  async query(text: string, timeMs: number): Promise<EvaluatedVector> {
    try {
      return toVector(await this.#options.source.instant(text, timeMs), timeMs);
    } catch (error) {
      throw asEvaluationError(error);
    }
  }
}

/** One expression, and the stretch of its past that is held. */
export class RangedExpression implements PreparedExpression {
  readonly #text: string;
  /** Whether it means something else in a range query, and so has to be asked for moment by moment. */
  readonly #isMomentary: boolean;
  readonly #options: RangeEvaluatorOptions;
  #stretch: Stretch = { startMs: 0, endMs: -1, cursors: [] };
  #steps = FIRST_STEPS;
  /** More was too much lately. It rises with each answer, or one bad moment would make every later stretch short. */
  #ceiling = MAX_STEPS;

  constructor(text: string, isMomentary: boolean, options: RangeEvaluatorOptions) {
    this.#text = text;
    this.#isMomentary = isMomentary;
    this.#options = options;
  }

  async evaluate(timeMs: number): Promise<EvaluatedVector> {
    try {
      await this.#reach(timeMs);
    } catch (error) {
      throw asEvaluationError(error);
    }
    const labels: Labels[] = [];
    const values: number[] = [];
    for (const cursor of this.#stretch.cursors) {
      if (!advance(cursor, timeMs)) continue;
      labels.push(cursor.series.labels);
      values.push(cursor.series.values[cursor.next]!);
    }
    return { labels, values: Float64Array.from(values), histograms: null };
  }

  /** Whether there is anything at a moment. @throws EvaluationError */
  async hasSamplesAt(timeMs: number): Promise<boolean> {
    try {
      await this.#reach(timeMs);
    } catch (error) {
      throw asEvaluationError(error);
    }
    return this.#stretch.cursors.some((cursor) => advance(cursor, timeMs));
  }

  /** Holds a stretch with this moment. Where the source gives too much, or fails at some moment, less is asked for. */
  async #reach(timeMs: number): Promise<void> {
    if (timeMs >= this.#stretch.startMs && timeMs <= this.#stretch.endMs) return;
    const { source, stepMs, endMs } = this.#options;
    // What was held goes before more comes.
    this.#stretch = { startMs: 0, endMs: -1, cursors: [] };
    for (;;) {
      const steps = this.#isMomentary ? 1 : this.#steps;
      const lastMs = Math.max(timeMs, Math.min(timeMs + (steps - 1) * stepMs, endMs));
      try {
        const series =
          steps === 1
            ? await source.instant(this.#text, timeMs)
            : await source.range(this.#text, { startMs: timeMs, endMs: lastMs, stepMs });
        const stretchEndMs = steps === 1 ? timeMs : lastMs;
        const cursors = series.map((each) => ({ series: each, next: 0 }));
        this.#stretch = { startMs: timeMs, endMs: stretchEndMs, cursors };
        this.#ceiling = Math.min(MAX_STEPS, Math.ceil(this.#ceiling * CEILING_GROWTH));
        this.#steps = Math.min(this.#ceiling, this.#steps * 2);
        return;
      } catch (error) {
        const canAskForLess = error instanceof RangeSourceError && error.code === 'too_much';
        if (!canAskForLess || steps === 1) throw error;
        this.#steps = Math.ceil(steps / 4);
        this.#ceiling = steps - 1;
      }
    }
  }
}

interface Stretch {
  readonly startMs: number;
  readonly endMs: number;
  readonly cursors: readonly Cursor[];
}

interface Cursor {
  readonly series: RangeSeries;
  next: number;
}

/** Moves on to a moment that is not before the last one. @returns whether there is a sample at it */
function advance(cursor: Cursor, timeMs: number): boolean {
  const { timesMs } = cursor.series;
  while (cursor.next < timesMs.length && timesMs[cursor.next]! < timeMs) cursor.next++;
  return timesMs[cursor.next] === timeMs;
}

function toVector(series: readonly RangeSeries[], timeMs: number): EvaluatedVector {
  const present = series.filter(({ timesMs }) => timesMs[0] === timeMs);
  return {
    labels: present.map(({ labels }) => labels),
    values: Float64Array.from(present, ({ values }) => values[0]!),
    histograms: null,
  };
}

function asEvaluationError(error: unknown): unknown {
  if (!(error instanceof RangeSourceError)) return error;
  return new EvaluationError(error.message, { cause: error });
}

/** Functions and durations that look at the start, end, step or range of the query. */
const QUERY_FUNCTIONS: ReadonlySet<string> = new Set(['start', 'end', 'step', 'range']);

function dependsOnRange(expr: Expr): boolean {
  for (const part of partsOf(expr, () => true)) {
    if (part.kind === 'call' && QUERY_FUNCTIONS.has(part.functionName)) return true;
    if (part.kind === 'matrix-selector' && isRelative(part.range)) return true;
    if (part.kind !== 'vector-selector' && part.kind !== 'subquery') continue;
    if (part.at !== null && part.at.kind !== 'time') return true;
    if (isRelative(part.offset)) return true;
    if (part.kind === 'subquery' && (isRelative(part.range) || isRelative(part.step))) return true;
  }
  return false;
}

function isRelative(duration: DurationExpr | null): boolean {
  switch (duration?.kind) {
    case undefined:
    case 'literal':
      return false;
    case 'step':
    case 'range':
      return true;
    case 'negate':
    case 'paren':
      return isRelative(duration.operand);
    case 'arithmetic':
    case 'min':
    case 'max':
      return isRelative(duration.left) || isRelative(duration.right);
  }
}
