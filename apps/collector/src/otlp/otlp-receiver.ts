import type { SenderPod } from '#libs/log-pipeline';
import type { PostAnswer, PostRequest } from '#libs/node-listen';
import {
  decodeOtlpBody,
  decodeOtlpLogsBody,
  encodeExportAnswer,
  encodeStatus,
  grpcCodeOf,
  mapLogs,
  mapMetricsInTurns,
  MAX_OTLP_BYTES,
  mediaTypeOf,
  OtlpError,
  type OtlpForm,
  otlpEncodingOf,
  otlpFormOf,
} from '#libs/otlp';
import { handOver, type LogInputContext } from '../log-inputs/log-input.ts';
import type { SenderFields } from '../log-inputs/sender-fields.ts';
import { RecordBuilder } from '../logs/record-builder.ts';
import type { MetricSink } from '../outputs/metric-sink.ts';
import { relabelBatch } from '../outputs/relabel-batch.ts';
import { toldByResource, writeLogRecord } from './otlp-logs.ts';
import type { OtlpMetrics } from './otlp-metrics.ts';
import { podLabels, podUidOf, withPod } from './otlp-pods.ts';

const CHUNK_BYTES = 1024 * 1024;
/** How long the event loop may be kept from others. */
const TURN_MS = 10;
const SIGNALS: Readonly<Record<string, 'metrics' | 'logs'>> = {
  '/v1/metrics': 'metrics',
  '/v1/logs': 'logs',
};
/** The input that log records come by, in tags and metrics. */
export const OTLP_INPUT = 'otlp';

export interface OtlpReceiverOptions {
  readonly sink: MetricSink;
  readonly context: LogInputContext;
  readonly senders: SenderFields;
  readonly metrics: OtlpMetrics;
}

/**
 * Takes metrics and logs that applications of the node send, with what is known of their pods. Logs are on disk when they are
 * answered; metrics are on the way that scraped ones take.
 */
export class OtlpReceiver {
  readonly #options: OtlpReceiverOptions;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: OtlpReceiverOptions) {
    this.#options = options;
  }

  /** What to answer by the head of a request; null to read its body. */
  gate(path: string, headers: PostRequest['headers']): PostAnswer | null {
    if (SIGNALS[path] === undefined) {
      const text = 'no such path; there are /v1/metrics and /v1/logs';
      return this.#refusal(path, headers, 404, text);
    }
    const form = formOf(headers);
    return 'refusal' in form ? this.#refusal(path, headers, 415, form.refusal) : null;
  }

  refuse(why: 'busy' | 'too_large', headers: PostRequest['headers']): PostAnswer {
    if (why === 'busy') return this.#refusal('', headers, 503, 'too many requests at a time');
    const most = MAX_OTLP_BYTES[otlpEncodingOf(headers['content-type']) ?? 'json'];
    return this.#refusal('', headers, 413, `the body has more than ${most} bytes`);
  }

  async handle(request: PostRequest): Promise<PostAnswer> {
    const signal = SIGNALS[request.path]!;
    const form = formOf(request.headers);
    // The gate has seen to it.
    if ('refusal' in form) return this.#refusal(request.path, request.headers, 415, form.refusal);
    try {
      const { rejected, text } = await this.#inTurn(() =>
        signal === 'logs' ? this.#logs(request, form) : this.#metrics(request, form),
      );
      const { metrics } = this.#options;
      metrics.answered(signal, 200);
      metrics.rejected(signal, rejected);
      return {
        status: 200,
        headers: { 'content-type': mediaTypeOf(form.encoding) },
        body: encodeExportAnswer(form.encoding, rejected, text, signal),
      };
    } catch (error) {
      const isMalformed = error instanceof OtlpError;
      const status = !isMalformed ? 503 : error.code === 'too_large' ? 413 : 400;
      const text = error instanceof Error ? error.message : String(error);
      return this.#refusal(request.path, request.headers, status, text);
    }
  }

  async #metrics(
    { body, remoteAddress }: PostRequest,
    form: OtlpForm,
  ): Promise<{ rejected: number; text: string }> {
    const { sink, senders, metrics } = this.#options;
    let rejected = 0;
    let first: string | null = null;
    const pause = turns();
    for (const part of decodeOtlpBody(body, form).resourceMetrics ?? []) {
      const attributes = part.resource?.attributes ?? [];
      const sender = senders.podOf(remoteAddress, podUidOf(attributes));
      this.#count('metrics', sender);
      const { pod } = sender;
      const known =
        pod === null ? part : { ...part, resource: { attributes: withPod(attributes, pod) } };
      const mapped = await mapMetricsInTurns({ resourceMetrics: [known] }, pause);
      rejected += mapped.rejectedPoints;
      first ??= mapped.firstRejection;
      metrics.points(mapped.points - mapped.rejectedPoints);
      if (mapped.batch.sampleCount === 0) continue;
      sink.push(pod === null ? mapped.batch : relabelBatch(mapped.batch, podLabels(pod)));
    }
    return { rejected, text: first ?? '' };
  }

  async #logs(
    { body, remoteAddress }: PostRequest,
    form: OtlpForm,
  ): Promise<{ rejected: number; text: string }> {
    const { context, senders } = this.#options;
    const { groups, counts } = mapLogs(decodeOtlpLogsBody(body, form));
    const nowMs = Date.now();
    const pause = turns();
    const builders: RecordBuilder[] = [];
    for (const { resource, records } of groups) {
      const { source, ...sender } = senders.of(remoteAddress, toldByResource(resource));
      this.#count('logs', sender);
      for (const record of records) {
        let builder = builders.at(-1);
        if (builder === undefined || builder.byteCount >= CHUNK_BYTES) {
          builder = new RecordBuilder();
          builders.push(builder);
        }
        writeLogRecord(builder, source, resource, record, nowMs);
        const wait = pause();
        if (wait !== null) await wait;
      }
    }
    await Promise.all(
      builders.map((builder) => handOver(context, OTLP_INPUT, null, builder, true)),
    );
    return { rejected: counts.rejected, text: counts.firstRejection ?? '' };
  }

  #count(signal: 'metrics' | 'logs', { pod, isContradicted }: SenderPod): void {
    const { context, metrics } = this.#options;
    if (isContradicted) metrics.contradicted(signal);
    if (pod === null && context.intake.pods !== null) metrics.unenriched(signal);
  }

  /** One request at a time: as objects it takes many times its bytes. */
  #inTurn<Result>(body: () => Promise<Result>): Promise<Result> {
    const result = this.#reading.then(body);
    this.#reading = result.catch(() => undefined);
    return result;
  }

  #refusal(
    path: string,
    headers: PostRequest['headers'],
    status: number,
    text: string,
  ): PostAnswer {
    this.#options.metrics.answered(SIGNALS[path] ?? 'none', status);
    const encoding = otlpEncodingOf(headers['content-type']) ?? 'json';
    return {
      status,
      headers: {
        'content-type': mediaTypeOf(encoding),
        ...(status === 503 && { 'retry-after': '1' }),
      },
      body: encodeStatus(encoding, grpcCodeOf(status), text),
    };
  }
}

function formOf(headers: PostRequest['headers']): ReturnType<typeof otlpFormOf> {
  return otlpFormOf(headers['content-type'], headers['content-encoding']);
}

/** Gives others a turn whenever one has taken too long. */
function turns(): () => Promise<void> | null {
  let since = performance.now();
  return () => {
    if (performance.now() - since < TURN_MS) return null;
    return new Promise((resolve) => {
      setImmediate(() => {
        since = performance.now();
        resolve();
      });
    });
  };
}
