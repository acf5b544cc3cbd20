import {
  decodePushJson,
  type LineAppendReport,
  type LineBatch,
  type LogStore,
  PushDecoder,
  PushError,
  releaseBytes,
} from '#libs/log-store';
import type { IngestMetrics } from '../../ingest/ingest-metrics.ts';
import { describeRejectedLines, isRetryable, logsUnavailableOf } from './append-answer.ts';
import type { PushForm } from './push-form.ts';

/** The answer to a push. */
export interface PushReply {
  readonly status: number;
  /** One line for the sender's log; empty where all went well. */
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Takes pushes as Loki does: what was accepted is on disk when they are answered. 400 where some lines can never be taken,
 * while the others are stored; 429 where a rate is exceeded; 503 where all should be sent again.
 */
export class PushReceiver {
  readonly #store: Pick<LogStore, 'append'>;
  readonly #metrics: IngestMetrics;
  readonly #decoder = new PushDecoder();

  constructor(store: Pick<LogStore, 'append'>, metrics: IngestMetrics) {
    this.#store = store;
    this.#metrics = metrics;
  }

  /** @param body not to be read by anybody after this */
  async receive(body: Buffer, form: PushForm): Promise<PushReply> {
    this.#metrics.received(body.length);
    let batch: LineBatch;
    try {
      batch =
        form.encoding === 'json'
          ? decodePushJson(body, form.isGzipped)
          : this.#decoder.decode(body);
    } catch (error) {
      if (!(error instanceof PushError)) throw error;
      this.#metrics.malformed(error.code);
      return { status: error.code === 'too_large' ? 413 : 400, text: error.message, headers: {} };
    }
    let report: LineAppendReport;
    try {
      const appended = this.#store.append(batch);
      // The lines have been copied by now; what they came in is not waited for by anybody.
      releaseBytes(body);
      this.#decoder.release();
      report = await appended;
    } catch (error) {
      const { status, text, retryAfterSeconds } = logsUnavailableOf(error);
      return { status, text, headers: { 'retry-after': String(retryAfterSeconds) } };
    }
    const text = describeRejectedLines(report, batch.count);
    if (text === '') return { status: 204, text, headers: {} };
    return isRetryable(report)
      ? { status: 429, text, headers: { 'retry-after': '1' } }
      : { status: 400, text, headers: {} };
  }
}
