import type { PushFailure } from '#libs/log-store';
import type { OtlpFailure } from '#libs/otlp';
import type { RemoteWriteFailure } from '#libs/remote-write';
import { type AppendResult, REJECT_REASONS, type RejectReason } from '#libs/tsdb';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** The ways in; closed because they are values of a label. */
const SAMPLE_PROTOCOLS = ['remote_write', 'otlp'] as const;
const LOG_PROTOCOLS = ['loki', 'otlp_logs'] as const;
export type IngestProtocol = (typeof SAMPLE_PROTOCOLS | typeof LOG_PROTOCOLS)[number];

const EXEMPLAR_RESULTS = [
  'added',
  'repeated',
  'out_of_order',
  'labels_too_long',
  'invalid_labels',
  'disabled',
] as const;

const METADATA_RESULTS = ['added', 'repeated', 'too_long'] as const;

/** The counters of all ways in, registered once. */
export class IngestCounters {
  readonly requests: Counter;
  readonly samples: Counter;
  readonly rejected: Counter;
  readonly malformed: Counter;
  readonly exemplars: Counter;
  readonly metadata: Counter;
  readonly bytes: Counter;
  readonly inFlight: Gauge;
  readonly duration: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string, ...labels: string[]): Counter =>
      new Counter({ name, help, labelNames: ['protocol', ...labels], registers });
    this.requests = counter(
      'binnacle_ingest_requests_total',
      'Write requests answered, by status.',
      'code',
    );
    this.samples = counter(
      'binnacle_ingest_samples_total',
      'Samples that are on disk, those that were there already included.',
    );
    this.rejected = counter(
      'binnacle_ingest_rejected_samples_total',
      'Samples that were not stored, by reason.',
      'reason',
    );
    this.malformed = counter(
      'binnacle_ingest_malformed_requests_total',
      'Write requests that could not be read, by reason.',
      'reason',
    );
    this.exemplars = counter(
      'binnacle_ingest_exemplars_total',
      'Exemplars that came in: added, repeated, or the reason why they were not kept.',
      'result',
    );
    this.metadata = counter(
      'binnacle_ingest_metadata_total',
      'Metadata of metric families that came in: added, repeated, or the reason why it was not kept.',
      'result',
    );
    this.bytes = counter(
      'binnacle_ingest_body_bytes_total',
      'Bytes of write requests as they came over the wire.',
    );
    this.inFlight = new Gauge({
      name: 'binnacle_ingest_requests_in_flight',
      help: 'Write requests being read or stored.',
      labelNames: ['protocol'],
      registers,
    });
    this.duration = new Histogram({
      name: 'binnacle_ingest_request_duration_seconds',
      help: 'From the first byte of a write request to its answer.',
      labelNames: ['protocol'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    });
    for (const protocol of LOG_PROTOCOLS) this.inFlight.set({ protocol }, 0);
    for (const protocol of SAMPLE_PROTOCOLS) {
      this.samples.inc({ protocol }, 0);
      for (const reason of REJECT_REASONS) this.rejected.inc({ protocol, reason }, 0);
      for (const result of EXEMPLAR_RESULTS) this.exemplars.inc({ protocol, result }, 0);
      for (const result of METADATA_RESULTS) this.metadata.inc({ protocol, result }, 0);
      this.inFlight.set({ protocol }, 0);
    }
    this.rejected.inc({ protocol: 'remote_write', reason: 'invalid_histogram' }, 0);
    this.rejected.inc({ protocol: 'otlp', reason: 'unsupported_point' }, 0);
  }
}

/** What came in one way, what of it was stored and what was not, and why. */
export class IngestMetrics {
  readonly #counters: IngestCounters;
  readonly #protocol: IngestProtocol;

  constructor(counters: IngestCounters, protocol: IngestProtocol) {
    this.#counters = counters;
    this.#protocol = protocol;
  }

  exemplars(result: (typeof EXEMPLAR_RESULTS)[number], count: number): void {
    if (count > 0) this.#counters.exemplars.inc({ protocol: this.#protocol, result }, count);
  }

  /** Books a request that begins. @returns what to call with the status when it has been answered */
  begin(): (status: number) => void {
    const { duration, inFlight, requests } = this.#counters;
    const protocol = this.#protocol;
    const stop = duration.startTimer({ protocol });
    inFlight.inc({ protocol });
    return (status) => {
      stop();
      inFlight.dec({ protocol });
      requests.inc({ protocol, code: String(status) });
    };
  }

  /** Books a request that was turned away before it was read. */
  refused(status: number): void {
    this.#counters.requests.inc({ protocol: this.#protocol, code: String(status) });
  }

  received(bytes: number): void {
    this.#counters.bytes.inc({ protocol: this.#protocol }, bytes);
  }

  malformed(reason: RemoteWriteFailure | OtlpFailure | PushFailure): void {
    this.#counters.malformed.inc({ protocol: this.#protocol, reason });
  }

  /** Books what the store made of a batch and of what came with it. */
  stored(report: AppendResult): void {
    this.#counters.samples.inc({ protocol: this.#protocol }, report.accepted + report.repeated);
    for (const reason of REJECT_REASONS) this.rejected(reason, report.rejected[reason]);
    const { exemplars, metadata } = report.extras;
    for (const result of EXEMPLAR_RESULTS) {
      if (result !== 'invalid_labels') this.exemplars(result, exemplars[result]);
    }
    for (const result of METADATA_RESULTS) {
      const count = metadata[result];
      if (count > 0) this.#counters.metadata.inc({ protocol: this.#protocol, result }, count);
    }
  }

  /** Books samples that were not stored. An OTLP data point that is no samples counts as one. */
  rejected(
    reason: RejectReason | 'invalid_histogram' | 'unsupported_point',
    samples: number,
  ): void {
    if (samples > 0) {
      this.#counters.rejected.inc({ protocol: this.#protocol, reason }, samples);
    }
  }
}
