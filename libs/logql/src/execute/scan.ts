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
  const isTimeout =
    typeof reason === 'object' &&
    reason !== null &&
    'name' in reason &&
    reason.name === 'TimeoutError';
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
  try {
    await scanBatches(run, request, pipeline, visit, isEnough);
  } catch (error) {
    // A source ends with the signal's reason, whatever that is.
    if (!(error instanceof LogqlQueryError)) checkSignal(run.signal);
    throw error;
  }
}

async function scanBatches(
  run: QueryRun,
  request: Omit<LogReadRequest, 'mustContain' | 'signal'>,
  pipeline: Pipeline,
  visit: LineVisitor,
  isEnough: (batch: LogBatch) => boolean,
): Promise<void> {
  const { source, limits, stats, signal } = run;
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
    const pieceLines = pipeline.isSlowToSift ? LINES_PER_PAUSE : batch.count;
    for (let from = 0; from < batch.count; from += pieceLines) {
      const piece = pieceLines < batch.count ? pieceOf(batch, from, pieceLines) : batch;
      if (!(await scanPiece(run, piece, pipeline, visit))) break;
    }
  }
}

/** @returns false where the visitor has enough of the batch */
async function scanPiece(
  { stats, signal, pause }: QueryRun,
  piece: LogBatch,
  pipeline: Pipeline,
  visit: LineVisitor,
): Promise<boolean> {
  const wanted = pipeline.sift(piece);
  let lines = 0;
  for (let i = 0; i < piece.count; i++) {
    if (wanted[i] === 0) continue;
    lines++;
    if (lines % LINES_PER_PAUSE === 0) {
      const turn = pause();
      if (turn !== null) {
        await turn;
        checkSignal(signal);
      }
    }
    if (!pipeline.passes(piece, i)) continue;
    stats.keptLines++;
    if (!visit(pipeline.line, piece, i)) return false;
  }
  const turn = pause();
  if (turn !== null) {
    await turn;
    checkSignal(signal);
  }
  return true;
}

/** Some lines of a batch; nothing is copied. */
function pieceOf(batch: LogBatch, from: number, lines: number): LogBatch {
  const to = Math.min(batch.count, from + lines);
  return {
    stream: batch.stream,
    count: to - from,
    timesNs: batch.timesNs.subarray(from, to),
    bytes: batch.bytes,
    starts: batch.starts.subarray(from, to),
    ends: batch.ends.subarray(from, to),
    metadataOf: (index) => batch.metadataOf(from + index),
  };
}

function bytesOf({ count, starts, ends }: LogBatch): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += ends[i]! - starts[i]!;
  return sum;
}
