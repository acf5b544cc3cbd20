import type { LogBatch, LogReadRequest, LogSource } from '../log-source.ts';
import type { Line } from '../pipeline/line.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { LogqlQueryError } from './logql-query-error.ts';

/** What one query may take. */
export interface LogQueryLimits {
  /** Bytes of lines that are read from the store. */
  readonly maxScannedBytes: number;
  /** Series that an aggregation over lines may give. */
  readonly maxSeries: number;
  /** Numbers that are held at a time: values of series, samples of quantiles. */
  readonly maxCells: number;
  /** Bytes of lines that are held for an answer. */
  readonly maxResultBytes: number;
}

/** What a query has gone through so far. */
export interface ScanStats {
  bytes: number;
  lines: number;
  /** Lines that the pipeline let through. */
  keptLines: number;
  batches: number;
}

/** What belongs to one run of a query. */
export interface QueryRun {
  readonly source: LogSource;
  readonly limits: LogQueryLimits;
  readonly stats: ScanStats;
  readonly nowMs: number;
  readonly signal: AbortSignal | undefined;
  /** Gives a turn of the event loop to wait for, now and then. */
  readonly pause: () => Promise<void> | null;
}

/** What is done with a line; false ends the batch. */
export type LineVisitor = (line: Line, batch: LogBatch, index: number) => boolean;

const LINES_PER_PAUSE = 256;

/** @throws LogqlQueryError when the query's time is over or nobody waits for it */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || !signal.aborted) return;
  const reason: unknown = signal.reason;
  const isTimeout = reason instanceof Error && reason.name === 'TimeoutError';
  throw isTimeout
    ? new LogqlQueryError('timeout', 'the query took longer than it may')
    : new LogqlQueryError('canceled', 'the query was canceled');
}

/**
 * Sends lines through a pipeline, batch by batch.
 * @param isEnough asked before each batch; true ends the scan
 * @throws LogqlQueryError
 */
export async function scanLines(
  run: QueryRun,
  request: Omit<LogReadRequest, 'mustContain' | 'signal'>,
  pipeline: Pipeline,
  visit: LineVisitor,
  isEnough: (batch: LogBatch) => boolean = () => false,
): Promise<void> {
  const { source, limits, stats, signal, pause } = run;
  checkSignal(signal);
  const { mustContain } = pipeline;
  const batches = source.read({
    ...request,
    ...(mustContain.length === 0 ? {} : { mustContain }),
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const batch of batches) {
    checkSignal(signal);
    if (batch.count === 0) continue;
    if (isEnough(batch)) return;
    stats.batches++;
    stats.lines += batch.count;
    stats.bytes += bytesOf(batch);
    if (stats.bytes > limits.maxScannedBytes) {
      throw new LogqlQueryError(
        'limit',
        `the query reads more than the ${limits.maxScannedBytes} bytes that are allowed; select fewer streams or a shorter time`,
      );
    }
    const wanted = pipeline.sift(batch);
    for (let i = 0; i < batch.count; i++) {
      if (wanted[i] === 0) continue;
      if (i % LINES_PER_PAUSE === 0) {
        const turn = pause();
        if (turn !== null) {
          await turn;
          checkSignal(signal);
        }
      }
      if (!pipeline.passes(batch, i)) continue;
      stats.keptLines++;
      if (!visit(pipeline.line, batch, i)) break;
    }
    const turn = pause();
    if (turn !== null) {
      await turn;
      checkSignal(signal);
    }
  }
}

function bytesOf({ count, starts, ends }: LogBatch): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += ends[i]! - starts[i]!;
  return sum;
}
