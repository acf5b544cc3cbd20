import { gzipSync } from 'node:zlib';
import { HttpPoster } from '#libs/node-http';
import { encodeOtlpMetrics, maySeparate } from '#libs/otlp';
import { answerOf, type SampleSlice, type WriteAnswer } from '#libs/remote-write';
import {
  type MetricTransport,
  type PackedSamples,
  WIRES,
  type WriteOutcome,
} from './metric-transport.ts';
import type { OtlpMetricsConfig } from './otlp-metrics-config.ts';
import { failed, oneLine } from './remote-write-client.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
/** By OTLP's specification only these mean that the same request may be taken later. */
const RETRIED: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Posts OTLP metrics over HTTP, as protocol buffers compressed with gzip. Redirects are not followed. */
export class OtlpMetricsClient implements MetricTransport {
  /** Histograms are put together of series that come in one request. */
  readonly maySeparate = maySeparate;
  readonly #config: OtlpMetricsConfig;
  readonly #poster: HttpPoster;

  constructor(options: {
    readonly config: OtlpMetricsConfig;
    readonly baseDir: string;
    readonly userAgent: string;
  }) {
    const { config, baseDir, userAgent } = options;
    this.#config = config;
    this.#poster = new HttpPoster({ url: config.url, http: config.http, baseDir, userAgent });
  }

  pack(slices: readonly SampleSlice[]): PackedSamples {
    // The fastest level: the texts repeat so much that more effort saves little.
    return { wire: WIRES.otlp, body: gzipSync(encodeOtlpMetrics(slices), { level: 1 }) };
  }

  packMetadata(): null {
    return null;
  }

  async post({ wire, body }: PackedSamples, signal: AbortSignal): Promise<WriteOutcome> {
    if (wire !== WIRES.otlp) {
      const detail = `a request of another kind (${wire}) in the spool`;
      return { answer: { kind: 'rejected' }, detail, sentBytes: 0 };
    }
    try {
      const {
        status,
        headers,
        body: answerBody,
      } = await this.#poster.post({
        headers: [
          ['content-type', 'application/x-protobuf'],
          ['content-encoding', 'gzip'],
        ],
        body,
        timeoutMs: this.#config.timeoutMs,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        cutsAnswer: true,
        signal,
      });
      const answer = otlpAnswerOf(status, headers.get('retry-after') ?? null);
      const detail =
        answer.kind === 'accepted'
          ? ''
          : `status ${status}: ${oneLine(answerBody.toString('utf8'))}`;
      return { answer, detail, sentBytes: body.length };
    } catch (error) {
      return failed(error);
    }
  }

  close(): Promise<void> {
    return this.#poster.close();
  }
}

function otlpAnswerOf(status: number, retryAfter: string | null): WriteAnswer {
  const answer = answerOf(status, retryAfter, Date.now());
  return answer.kind === 'retry' && !RETRIED.has(status) ? { kind: 'rejected' } : answer;
}
