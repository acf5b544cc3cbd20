import type { Span } from '../ast.ts';
import type { SeriesSource } from '../series-source.ts';
import { AnnotationCollector, type AnnotationKind } from './annotations.ts';
import { BlockMemo } from './block-memo.ts';
import type { EvaluationCache } from './evaluation-cache.ts';
import { QueryError } from './query-error.ts';

/** Longest a query computes before it lets the event loop turn. */
const PAUSE_AFTER_MS = 4;

/** Thrown to evaluate fewer steps at a time; never leaves the engine. */
export class PieceTooLarge extends Error {
  override readonly name = 'PieceTooLarge';
  readonly rows: number;
  constructor(rows: number) {
    super('piece too large');
    this.rows = rows;
  }
}

export interface EvaluationOptions {
  readonly source: SeriesSource;
  readonly nowMs: () => number;
  readonly yieldToLoop: () => Promise<void>;
  readonly signal: AbortSignal | null;
  readonly lookbackMs: number;
  readonly maxSamples: number;
  readonly timeoutMs: number;
  readonly pieceCells: number;
  readonly subqueryStepMs: number;
  readonly delayedNameRemoval: boolean;
  readonly startTimestamps: boolean;
  readonly typeAndUnitLabels: boolean;
  readonly cache: EvaluationCache | null;
  /** The query's own times; `start()`, `end()`, `step()` and `range()` mean these, within subqueries as well. */
  readonly startMs: number;
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
}

/** One run of a query: its options, budget, clock and remarks. */
export class Evaluation {
  readonly options: EvaluationOptions;
  annotations = new AnnotationCollector();
  samplesRead = 0;
  peakSamples = 0;
  /** Whether a smaller piece may be asked for by throwing {@link PieceTooLarge}. */
  mayShrink = false;
  #heldSamples = 0;
  #resumedMs: number;
  readonly #startedMs: number;
  /** Values of parts that stand more than once in the plan, for the piece that is being evaluated. */
  readonly memo = new BlockMemo();
  /** Values of parts that are the same at every step. */
  readonly lastingMemo = new BlockMemo();
  /** What an answer depends on besides the expression and its timeline. */
  readonly memoPrefix: string;

  constructor(options: EvaluationOptions) {
    this.options = options;
    this.memoPrefix = `${options.startMs},${options.endMs},${options.stepMs},${options.lookbackMs}|`;
    this.#startedMs = options.nowMs();
    this.#resumedMs = this.#startedMs;
  }

  annotate(kind: AnnotationKind, text: string, span: Span): void {
    this.annotations.add(kind, text, span);
  }

  /**
   * Announces a block before it is allocated.
   * @throws PieceTooLarge, QueryError
   */
  planBlock(rows: number, steps: number): void {
    const cells = rows * steps;
    if (cells <= this.options.pieceCells || (steps === 1 && rows <= this.options.maxSamples))
      return;
    if (this.mayShrink) throw new PieceTooLarge(rows);
    // Steps without a sample cost memory as well, nine bytes each.
    if (cells > 3 * this.options.maxSamples) throw tooManySamples();
  }

  /** Counts samples kept in memory. @throws QueryError when they are more than the query may have */
  hold(samples: number): void {
    this.#heldSamples += samples;
    if (this.#heldSamples > this.peakSamples) this.peakSamples = this.#heldSamples;
    if (this.#heldSamples > this.options.maxSamples) throw tooManySamples();
  }

  /** Gives back what {@link hold} has counted. */
  release(samples: number): void {
    this.#heldSamples -= samples;
  }

  get heldSamples(): number {
    return this.#heldSamples;
  }

  /** Gives everything back that was counted after {@link heldSamples} was `mark`. */
  releaseDownTo(mark: number): void {
    if (this.#heldSamples > mark) this.#heldSamples = mark;
  }

  /** Whether it is time to {@link pause}. Asks the clock, so not to be called for every sample. */
  isPauseDue(): boolean {
    return this.options.nowMs() - this.#resumedMs >= PAUSE_AFTER_MS;
  }

  /** Lets the event loop turn. @throws QueryError when the query was canceled or has timed out */
  async pause(): Promise<void> {
    await this.options.yieldToLoop();
    this.check();
    this.#resumedMs = this.options.nowMs();
  }

  /** @throws QueryError when the query was canceled or has timed out */
  check(): void {
    const { signal, timeoutMs, nowMs } = this.options;
    if (signal?.aborted === true) {
      throw new QueryError('canceled', 'query was canceled in expression evaluation');
    }
    if (nowMs() - this.#startedMs > timeoutMs) {
      throw new QueryError('timeout', 'query timed out in expression evaluation');
    }
  }
}

function tooManySamples(): QueryError {
  return new QueryError(
    'too_many_samples',
    'query processing would load too many samples into memory in query execution',
  );
}
