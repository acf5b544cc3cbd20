import {
  type DecodedWrite,
  decodeWriteV2,
  RemoteWriteError,
  uncompressBlock,
  type WriteMessage,
  WriteV1Decoder,
} from '#libs/remote-write';
import type { AppendReport, StoreWriter } from '../store/store-writer.ts';
import type { IngestMetrics } from './ingest-metrics.ts';
import { describeRejected, unavailableOf } from './store-answer.ts';

/** Largest message after decompression; the promise of DESIGN section 5. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** The answer to a write request. */
export interface WriteReply {
  readonly status: number;
  /** One line for the sender's log; empty where all went well. */
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The numbers of types in both versions' enumerations, as OpenMetrics names them. */
const METRIC_TYPES = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
];

/**
 * Takes remote-write requests of both versions: what was accepted is on disk when they are answered. As Prometheus does
 * it answers 400 where some samples can never be taken, while the others of the request are stored, and 503 where all
 * should be sent again.
 */
export class RemoteWriteReceiver {
  readonly #store: StoreWriter;
  readonly #metrics: IngestMetrics;
  readonly #decoder = new WriteV1Decoder();

  constructor(store: StoreWriter, metrics: IngestMetrics) {
    this.#store = store;
    this.#metrics = metrics;
  }

  /** @param body the compressed body */
  async receive(body: Buffer, message: WriteMessage): Promise<WriteReply> {
    this.#metrics.received(body.length);
    let decoded: DecodedWrite;
    try {
      decoded = this.#decode(body, message);
    } catch (error) {
      if (!(error instanceof RemoteWriteError)) throw error;
      this.#metrics.malformed(error.code);
      return replyOf(error.code === 'too_large' ? 413 : 400, error.message);
    }
    let report: AppendReport;
    try {
      report = await this.#store.append(decoded.batch, {
        exemplars: decoded.exemplars,
        metadata: decoded.metadata.map(({ family, type, help, unit }) => ({
          family,
          type: METRIC_TYPES[type] ?? 'unknown',
          help,
          unit,
        })),
      });
    } catch (error) {
      const { text, retryAfterSeconds } = unavailableOf(error);
      return replyOf(503, text, { 'retry-after': String(retryAfterSeconds) });
    }
    this.#count(decoded, report);
    const problem = describeRejections(decoded, report);
    const headers = writtenHeaders(message, report);
    return { status: problem === '' ? 204 : 400, text: problem, headers };
  }

  #decode(body: Buffer, message: WriteMessage): DecodedWrite {
    const bytes = uncompressBlock(body, MAX_MESSAGE_BYTES);
    return message === 'prometheus.WriteRequest'
      ? this.#decoder.decode(bytes)
      : decodeWriteV2(bytes);
  }

  #count(decoded: DecodedWrite, report: AppendReport): void {
    const metrics = this.#metrics;
    metrics.stored(report);
    metrics.rejected('invalid_labels', decoded.rejectedSamples);
    metrics.rejected('invalid_histogram', decoded.invalidHistograms);
    metrics.exemplars('invalid_labels', decoded.invalidExemplars);
  }
}

/** What the sender has to know: empty unless samples were lost for good. Exemplars are optional and only counted. */
function describeRejections(decoded: DecodedWrite, report: AppendReport): string {
  const parts: string[] = [];
  const rejected = describeRejected(report, decoded.batch.sampleCount);
  if (rejected !== '') parts.push(rejected);
  if (decoded.firstRejection !== null) {
    parts.push(
      `${decoded.rejectedSamples} samples of invalid series not stored, the first: ${decoded.firstRejection}`,
    );
  }
  if (decoded.firstInvalidHistogram !== null) {
    parts.push(
      `${decoded.invalidHistograms} invalid native histograms not stored, the first: ${decoded.firstInvalidHistogram}`,
    );
  }
  return parts.join('; ');
}

/** Remote write 2.0, section "Required written response headers". */
function writtenHeaders(message: WriteMessage, report: AppendReport): Record<string, string> {
  if (message === 'prometheus.WriteRequest') return {};
  const { added, repeated } = report.extras.exemplars;
  return {
    'x-prometheus-remote-write-samples-written': String(
      report.accepted + report.repeated - report.histograms,
    ),
    'x-prometheus-remote-write-histograms-written': String(report.histograms),
    'x-prometheus-remote-write-exemplars-written': String(added + repeated),
  };
}

function replyOf(status: number, text: string, headers: Record<string, string> = {}): WriteReply {
  return { status, text, headers };
}
