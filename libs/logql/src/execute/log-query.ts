import type { Labels } from '#libs/labels';
import type { LogExpr } from '../ast.ts';
import { LabelNeeds } from '../pipeline/label-needs.ts';
import type { CategorizedLabels } from '../pipeline/line-labels.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { LogqlQueryError } from './logql-query-error.ts';
import { type QueryRun, scanLines } from './scan.ts';

/** A line of an answer, with all of its labels and with the parts they come from. */
export interface LogEntry {
  readonly timeNs: bigint;
  readonly line: string;
  readonly labels: Labels;
  readonly categories: CategorizedLabels;
}

export interface LogQueryRange {
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly direction: 'forward' | 'backward';
  /** Most lines wanted. */
  readonly limit: number;
  /** Least time between two lines of the answer; 0 for none. */
  readonly intervalNs: bigint;
}

/** What to hold at most where lines are to be left out between others. */
const MAX_THINNED = 20_000;

/**
 * The first lines of a range in its direction, over all streams.
 * @returns sorted by time in that direction
 * @throws LogqlQueryError
 */
export async function readLogs(
  run: QueryRun,
  expr: LogExpr,
  range: LogQueryRange,
): Promise<readonly LogEntry[]> {
  const { direction, limit, intervalNs } = range;
  if (limit <= 0 || range.endNs <= range.startNs) return [];
  const pipeline = new Pipeline(expr.stages, { needs: LabelNeeds.ALL, nowMs: run.nowMs });
  const held = new FirstEntries(
    intervalNs > 0n ? Math.max(limit, MAX_THINNED) : limit,
    direction,
    run.limits.maxResultBytes,
  );
  await scanLines(
    run,
    { matchers: expr.matchers, startNs: range.startNs, endNs: range.endNs, direction },
    pipeline,
    (line, batch, index) => {
      const timeNs = batch.timesNs[index]!;
      // Lines of a batch come in order, so those behind this one are too late as well.
      if (held.isTooLate(timeNs)) return false;
      held.add({
        timeNs,
        line: line.text(),
        labels: line.labels.toLabels(),
        categories: line.labels.toCategories(),
      });
      return true;
    },
    (batch) => held.isTooLate(batch.timesNs[0]!),
  );
  const entries = held.finish();
  return intervalNs > 0n ? thinned(entries, intervalNs).slice(0, limit) : entries;
}

/** The first so many entries of what is added in no particular order. */
class FirstEntries {
  readonly #limit: number;
  readonly #sign: 1 | -1;
  readonly #maxBytes: number;
  #entries: LogEntry[] = [];
  #bytes = 0;
  /** The last time that still counts, once there are enough entries. */
  #lastNs: bigint | null = null;

  constructor(limit: number, direction: 'forward' | 'backward', maxBytes: number) {
    this.#limit = limit;
    this.#sign = direction === 'forward' ? 1 : -1;
    this.#maxBytes = maxBytes;
  }

  isTooLate(timeNs: bigint): boolean {
    if (this.#lastNs === null) return false;
    return this.#sign > 0 ? timeNs >= this.#lastNs : timeNs <= this.#lastNs;
  }

  add(entry: LogEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.line.length;
    const { length } = this.#entries;
    // Sorted at the first time that there are enough, and then each time that half as many came again.
    if (length === this.#limit || length >= this.#limit * 1.5 + 64) this.#cut();
    if (this.#bytes <= this.#maxBytes) return;
    this.#cut();
    if (this.#bytes <= this.#maxBytes) return;
    throw new LogqlQueryError(
      'limit',
      `the lines of the answer are longer than ${this.#maxBytes} characters together; ask for fewer`,
    );
  }

  #cut(): void {
    this.#entries.sort((a, b) =>
      a.timeNs === b.timeNs ? 0 : (a.timeNs < b.timeNs ? -1 : 1) * this.#sign,
    );
    if (this.#entries.length < this.#limit) return;
    this.#entries.length = this.#limit;
    this.#lastNs = this.#entries.at(-1)!.timeNs;
    this.#bytes = 0;
    for (const { line } of this.#entries) this.#bytes += line.length;
  }

  finish(): readonly LogEntry[] {
    this.#cut();
    return this.#entries;
  }
}

function thinned(entries: readonly LogEntry[], intervalNs: bigint): readonly LogEntry[] {
  let lastNs: bigint | null = null;
  return entries.filter(({ timeNs }) => {
    const distance = lastNs === null ? intervalNs : timeNs - lastNs;
    if (distance < intervalNs && -distance < intervalNs) return false;
    lastNs = timeNs;
    return true;
  });
}
