import {
  decodeOtlpBody,
  type MappedMetrics,
  mapMetricsInTurns,
  OtlpError,
  type OtlpForm,
} from '#libs/otlp';
import { createPause, nextTurn } from '../turns/loop-turns.ts';
import type { AppendReport, StoreWriter } from '../store/store-writer.ts';
import type { IngestMetrics } from './ingest-metrics.ts';
import { acceptedReply, type OtlpReply, refusedReply } from './otlp-reply.ts';
import { describeRejected, unavailableOf } from './store-answer.ts';

/**
 * Takes metrics that come by OTLP: what was accepted is on disk when they are answered. Points that can never be taken are
 * a partial success, as the specification wants it; 503 asks for all to be sent again.
 */
export class OtlpReceiver {
  readonly #store: StoreWriter;
  readonly #metrics: IngestMetrics;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(store: StoreWriter, metrics: IngestMetrics) {
    this.#store = store;
    this.#metrics = metrics;
  }

  async receive(body: Buffer, form: OtlpForm): Promise<OtlpReply> {
    this.#metrics.received(body.length);
    let mapped: MappedMetrics;
    try {
      mapped = await this.#read(body, form);
    } catch (error) {
      if (!(error instanceof OtlpError)) throw error;
      this.#metrics.malformed(error.code);
      return refusedReply(form, error.code === 'too_large' ? 413 : 400, error.message);
    }
    let report: AppendReport;
    try {
      report = await this.#store.append(mapped.batch, mapped);
    } catch (error) {
      const { text, retryAfterSeconds } = unavailableOf(error);
      return refusedReply(form, 503, text, { 'retry-after': String(retryAfterSeconds) });
    }
    this.#metrics.stored(report);
    this.#metrics.rejected('unsupported_point', mapped.rejectedPoints);
    const rejected = rejectedPointsOf(mapped, report);
    return acceptedReply(form, 'metrics', rejected, problemOf(mapped, report));
  }

  /** One request at a time: as objects it takes many times its bytes. */
  #read(body: Buffer, form: OtlpForm): Promise<MappedMetrics> {
    const reading = this.#reading.then(async () => {
      await nextTurn();
      return mapMetricsInTurns(decodeOtlpBody(body, form), createPause());
    });
    this.#reading = reading.catch(() => undefined);
    return reading;
  }
}

/** The store counts samples, of which a histogram's point has many; a sender is told of no more points than it sent. */
function rejectedPointsOf(mapped: MappedMetrics, report: AppendReport): number {
  return Math.min(mapped.points, mapped.rejectedPoints + report.rejectedTotal);
}

function problemOf(mapped: MappedMetrics, report: AppendReport): string {
  const parts: string[] = [];
  const { firstRejection, rejectedPoints, points } = mapped;
  if (firstRejection !== null) {
    parts.push(`${rejectedPoints} of ${points} points not taken, the first: ${firstRejection}`);
  }
  const rejected = describeRejected(report, mapped.batch.sampleCount);
  if (rejected !== '') parts.push(rejected);
  return parts.join('; ');
}
