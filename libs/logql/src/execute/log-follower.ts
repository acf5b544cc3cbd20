import type { LogExpr } from '../ast.ts';
import type { LogBatch } from '../log-source.ts';
import { LabelNeeds } from '../pipeline/label-needs.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import type { LogEntry } from './log-query.ts';

/** A log query over lines as they come in, batch by batch. */
export class LogFollower {
  readonly #pipeline: Pipeline;

  /** @param nowMs what `now` gives in templates */
  constructor(expr: LogExpr, nowMs: number) {
    this.#pipeline = new Pipeline(expr.stages, { needs: LabelNeeds.ALL, nowMs });
  }

  /**
   * Calls `visit` with each line of a batch that the query lets through, in the batch's order.
   * @param visit false ends the batch
   */
  follow(batch: LogBatch, visit: (entry: LogEntry) => boolean): void {
    const pipeline = this.#pipeline;
    const wanted = pipeline.sift(batch);
    for (let i = 0; i < batch.count; i++) {
      if (wanted[i] === 0 || !pipeline.passes(batch, i)) continue;
      const { line } = pipeline;
      const entry: LogEntry = {
        timeNs: batch.timesNs[i]!,
        line: line.text(),
        labels: line.labels.toLabels(),
        categories: line.labels.toCategories(),
      };
      if (!visit(entry)) return;
    }
  }
}
