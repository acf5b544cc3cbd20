import { HttpGetError, HttpPoster } from '#libs/node-http';
import type { AppLogger } from '#libs/platform';
import {
  answerOf,
  compressBlock,
  decodeWriteV2,
  encodeV1Metadata,
  RemoteWriteError,
  type SampleSlice,
  uncompressBlock,
  wholeBatch,
  WRITE_CONTENT_TYPES,
  WRITE_VERSIONS,
  WriteEncoder,
  type WriteMessage,
} from '#libs/remote-write';
import type { SeriesMetadata } from '#libs/samples';
import {
  type MetricTransport,
  type PackedSamples,
  WIRES,
  type WriteOutcome,
} from './metric-transport.ts';
import type { Environment } from '../config/collector-config.ts';
import type { RemoteWriteConfig } from './outputs-config.ts';
import { type BodySigner, sigv4Signer } from './sigv4-signer.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_SHOWN = 300;
/** A receiver that does not know version 2 answers so, or takes it for something else and tells nothing of what it wrote. */
const UNSUPPORTED_MEDIA_TYPE = 415;
const WRITTEN_HEADER = 'x-prometheus-remote-write-samples-written';
/** No request of ours is larger. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

const MESSAGES: ReadonlyMap<number, WriteMessage> = new Map([
  [WIRES.remoteWrite1, 'prometheus.WriteRequest'],
  [WIRES.remoteWrite2, 'io.prometheus.write.v2.Request'],
]);

export interface RemoteWriteClientOptions {
  readonly config: RemoteWriteConfig;
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  readonly userAgent: string;
  readonly logger: AppLogger;
  /** Where keys for AWS may come from; by default this process's. */
  readonly environment?: Environment;
}

/** Amazon's managed service for Prometheus. */
const AWS_SERVICE = 'aps';

/**
 * Posts messages to one receiver over kept connections. Redirects are not followed. A receiver that does not speak version 2
 * is spoken to in version 1 from then on.
 */
export class RemoteWriteClient implements MetricTransport {
  readonly maySeparate = null;
  readonly #config: RemoteWriteConfig;
  readonly #logger: AppLogger;
  readonly #poster: HttpPoster;
  readonly #sign: BodySigner | null;
  readonly #oldEncoder: WriteEncoder;
  readonly #newEncoder: WriteEncoder;
  #speaksNew: boolean;
  /** Whether the receiver has shown that it knows version 2. */
  #isConfirmed = false;

  constructor(options: RemoteWriteClientOptions) {
    const { config, baseDir, userAgent, logger, environment = process.env } = options;
    this.#config = config;
    this.#logger = logger;
    this.#poster = new HttpPoster({ url: config.url, http: config.http, baseDir, userAgent });
    const { sendsExemplars, sigv4: keys, url } = config;
    this.#sign =
      keys === null
        ? null
        : sigv4Signer({ url, service: AWS_SERVICE, keys, baseDir, userAgent, environment });
    this.#oldEncoder = new WriteEncoder('prometheus.WriteRequest', { sendsExemplars });
    this.#newEncoder = new WriteEncoder('io.prometheus.write.v2.Request', { sendsExemplars });
    this.#speaksNew = config.message === 'io.prometheus.write.v2.Request';
  }

  pack(slices: readonly SampleSlice[]): PackedSamples {
    const encoder = this.#speaksNew ? this.#newEncoder : this.#oldEncoder;
    const wire = this.#speaksNew ? WIRES.remoteWrite2 : WIRES.remoteWrite1;
    return { wire, body: compressBlock(encoder.encode(slices)) };
  }

  packMetadata(families: Iterable<SeriesMetadata>): PackedSamples | null {
    if (this.#speaksNew) return null;
    return { wire: WIRES.remoteWrite1, body: compressBlock(encodeV1Metadata(families)) };
  }

  async post(packed: PackedSamples, signal: AbortSignal): Promise<WriteOutcome> {
    const { wire, body } = packed;
    const message = MESSAGES.get(wire);
    if (message === undefined)
      return rejected(`a request of the unknown kind ${wire} in the spool`);
    if (wire === WIRES.remoteWrite2 && !this.#speaksNew) return this.#postAsOld(body, signal);
    try {
      const {
        status,
        headers,
        body: answerBody,
      } = await this.#poster.post({
        headers: await this.#headers(message, body),
        body,
        timeoutMs: this.#config.timeoutMs,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        cutsAnswer: true,
        signal,
      });
      if (wire === WIRES.remoteWrite2 && !this.#isConfirmed) {
        this.#isConfirmed = headers.has(WRITTEN_HEADER);
        const isTakenAsOld = status >= 200 && status < 300 && !this.#isConfirmed;
        if (isTakenAsOld || status === UNSUPPORTED_MEDIA_TYPE) {
          this.#speaksNew = false;
          this.#logger.warn('the receiver does not speak remote write 2.0; sending 1.0', {
            status,
          });
          return await this.#postAsOld(body, signal);
        }
      }
      const answer = answerOf(status, headers.get('retry-after') ?? null, Date.now());
      const text = oneLine(answerBody.toString('utf8'));
      const detail = answer.kind === 'accepted' ? '' : `status ${status}: ${text}`;
      return { answer, detail, sentBytes: body.length };
    } catch (error) {
      return failed(error);
    }
  }

  /** Drops the connections; a request under way fails. */
  close(): Promise<void> {
    return this.#poster.close();
  }

  /** What was packed for version 2, perhaps by an earlier run, in the words of version 1. */
  #postAsOld(body: Buffer, signal: AbortSignal): Promise<WriteOutcome> {
    try {
      const { batch } = decodeWriteV2(uncompressBlock(body, MAX_MESSAGE_BYTES));
      const message = this.#oldEncoder.encode([wholeBatch(batch)]);
      const packed = { wire: WIRES.remoteWrite1, body: compressBlock(message) };
      return this.post(packed, signal);
    } catch (error) {
      if (!(error instanceof RemoteWriteError)) throw error;
      return Promise.resolve(rejected(error.message));
    }
  }

  async #headers(message: WriteMessage, body: Buffer): Promise<(readonly [string, string])[]> {
    const contentType = WRITE_CONTENT_TYPES[message];
    const signed = await this.#sign?.({ body, contentType }, Date.now());
    return [
      ...(signed ?? [['content-type', contentType] as const]),
      ['content-encoding', 'snappy'],
      ['x-prometheus-remote-write-version', WRITE_VERSIONS[message]],
      ...this.#config.headers.map(([name, value]) => [name, value.reveal()] as const),
    ];
  }
}

/** What a request that brought no answer means. */
export function failed(error: unknown): WriteOutcome {
  const isLate = error instanceof HttpGetError && error.code === 'timeout';
  const reason = isLate ? 'timeout' : 'unreachable';
  const detail = oneLine(error instanceof Error ? error.message : String(error));
  return { answer: { kind: 'retry', reason, retryAfterMs: null }, detail, sentBytes: 0 };
}

function rejected(detail: string): WriteOutcome {
  return { answer: { kind: 'rejected' }, detail, sentBytes: 0 };
}

/** Of an answer, what a log line may hold of it. */
export function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_SHOWN);
}
