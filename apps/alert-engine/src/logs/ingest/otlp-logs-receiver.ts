import {
  type LineAppendReport,
  type LogStore,
  otlpLines,
  type OtlpLines,
  PushError,
} from '#libs/log-store';
import { decodeOtlpLogsBody, OtlpError, type OtlpForm } from '#libs/otlp';
import type { IngestMetrics } from '../../ingest/ingest-metrics.ts';
import { acceptedReply, type OtlpReply, refusedReply } from '../../ingest/otlp-reply.ts';
import { describeRejectedLines, isRetryable, logsUnavailableOf } from './append-answer.ts';

/**
 * Takes logs that come by OTLP: what was accepted is on disk when they are answered. Records that can never be taken are a
 * partial success, as the specification wants it; 429, where a rate is exceeded, and 503 ask for all to be sent again.
 */
export class OtlpLogsReceiver {
  readonly #store: Pick<LogStore, 'append'>;
  readonly #metrics: IngestMetrics;

  constructor(store: Pick<LogStore, 'append'>, metrics: IngestMetrics) {
    this.#store = store;
    this.#metrics = metrics;
  }

  async receive(body: Buffer, form: OtlpForm): Promise<OtlpReply> {
    this.#metrics.received(body.length);
    let lines: OtlpLines;
    try {
      lines = otlpLines(decodeOtlpLogsBody(body, form), Date.now());
    } catch (error) {
      if (!(error instanceof OtlpError) && !(error instanceof PushError)) throw error;
      this.#metrics.malformed(error.code);
      return refusedReply(form, error.code === 'too_large' ? 413 : 400, error.message);
    }
    let report: LineAppendReport;
    try {
      report = await this.#store.append(lines.batch);
    } catch (error) {
      const { status, text, retryAfterSeconds } = logsUnavailableOf(error);
      return refusedReply(form, status, text, { 'retry-after': String(retryAfterSeconds) });
    }
    if (isRetryable(report)) {
      // A partial success would say that these records are never to be sent again.
      return refusedReply(form, 429, problemOf(lines, report), { 'retry-after': '1' });
    }
    const rejected = lines.rejected + report.rejectedTotal;
    return acceptedReply(form, 'logs', rejected, problemOf(lines, report));
  }
}

function problemOf(
  { batch, records, rejected, firstRejection }: OtlpLines,
  report: LineAppendReport,
): string {
  const parts: string[] = [];
  if (firstRejection !== null) {
    parts.push(`${rejected} of ${records} records not taken, the first: ${firstRejection}`);
  }
  const described = describeRejectedLines(report, batch.count);
  if (described !== '') parts.push(described);
  return parts.join('; ');
}
