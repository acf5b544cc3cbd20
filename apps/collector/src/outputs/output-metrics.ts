import { DROP_REASONS, RETRY_REASONS, type SendQueueCounts } from '#libs/remote-write';
import { type Spool, SPOOL_DROP_REASONS, type SpoolDropReason } from '#libs/spool';
import type { SampleBatch } from '#libs/samples';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** One output's name and place, the labels of its metrics. */
export interface OutputIdentity {
  readonly name: string;
  /** Without query, which may hold secrets. */
  readonly url: string;
}

/**
 * What outputs did, under Binnacle's names and, where they mean the same, under those by which dashboards for
 * Prometheus's remote write ask.
 */
export class OutputMetrics {
  readonly #sent: Counter;
  readonly #failed: Counter;
  readonly #retried: Counter;
  readonly #dropped: Counter;
  readonly #overwritten: Counter;
  readonly #queued: Gauge;
  readonly #remoteIn: Counter;
  readonly #remoteSent: Counter;
  readonly #remoteFailed: Counter;
  readonly #remoteRetried: Counter;
  readonly #remoteDropped: Counter;
  readonly #remotePending: Gauge;
  readonly #remoteBytes: Counter;
  readonly #remoteDuration: Histogram;
  readonly #remoteHighestSent: Gauge;
  readonly #remoteHighest: Gauge;
  readonly #spoolRecords: Gauge;
  readonly #spoolBytes: Gauge;
  readonly #spoolDamaged: Gauge;
  /** What of the drops of a spool is counted. */
  readonly #spoolDropped = new WeakMap<Spool, Record<SpoolDropReason, number>>();
  #highestMs = Number.NEGATIVE_INFINITY;

  constructor(registry: Registry) {
    const registers = [registry];
    const ours = ['output', 'kind'];
    const theirs = ['remote_name', 'url'];
    const counter = (name: string, help: string, labelNames: string[]): Counter =>
      new Counter({ name, help, labelNames, registers });
    const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
      new Gauge({ name, help, labelNames, registers });
    this.#sent = counter(
      'binnacle_output_sent_total',
      'Items an output has delivered: the receiver acknowledged them.',
      ours,
    );
    this.#failed = counter(
      'binnacle_output_failed_total',
      'Items in requests that failed, by what became of them: retried or dropped.',
      [...ours, 'reason'],
    );
    this.#retried = counter(
      'binnacle_output_retried_total',
      'Items sent again, by why the request before failed; each attempt counts.',
      [...ours, 'reason'],
    );
    this.#dropped = counter('binnacle_output_dropped_total', 'Items given up, by reason.', [
      ...ours,
      'reason',
    ]);
    this.#overwritten = counter(
      'binnacle_output_rejected_overwritten_total',
      'Rejected log records that were kept in a file and made room there for others.',
      ['output'],
    );
    this.#queued = gauge('binnacle_output_queued', 'Items waiting to be sent or under way.', ours);
    this.#spoolRecords = gauge(
      'binnacle_output_spool_records',
      'Samples or log records on disk that wait for an output’s receiver.',
      ['output'],
    );
    this.#spoolBytes = gauge(
      'binnacle_output_spool_bytes',
      'Bytes on disk that wait for an output’s receiver.',
      ['output'],
    );
    this.#spoolDamaged = gauge(
      'binnacle_output_spool_damaged_bytes',
      'Bytes of the spool that were not what was written, since the start.',
      ['output'],
    );
    this.#remoteIn = counter(
      'prometheus_remote_storage_samples_in_total',
      'Samples in to remote storage.',
      theirs,
    );
    this.#remoteSent = counter(
      'prometheus_remote_storage_samples_total',
      'Total number of samples sent to remote storage and accepted there.',
      theirs,
    );
    this.#remoteFailed = counter(
      'prometheus_remote_storage_samples_failed_total',
      'Total number of samples which were refused by remote storage for good.',
      theirs,
    );
    this.#remoteRetried = counter(
      'prometheus_remote_storage_samples_retried_total',
      'Total number of samples which failed on send to remote storage but were retried.',
      theirs,
    );
    this.#remoteDropped = counter(
      'prometheus_remote_storage_samples_dropped_total',
      'Total number of samples which were dropped before they were sent.',
      [...theirs, 'reason'],
    );
    this.#remotePending = gauge(
      'prometheus_remote_storage_samples_pending',
      'The number of samples pending in the queue to be sent to the remote storage.',
      theirs,
    );
    this.#remoteBytes = counter(
      'prometheus_remote_storage_bytes_total',
      'The total number of bytes of data (not metadata) sent after compression.',
      theirs,
    );
    this.#remoteHighestSent = gauge(
      'prometheus_remote_storage_queue_highest_sent_timestamp_seconds',
      'Timestamp of the newest sample that was accepted by remote storage.',
      theirs,
    );
    this.#remoteHighest = new Gauge({
      name: 'prometheus_remote_storage_highest_timestamp_in_seconds',
      help: 'Timestamp of the newest sample that was handed to the outputs.',
      registers,
    });
    this.#remoteDuration = new Histogram({
      name: 'prometheus_remote_storage_sent_batch_duration_seconds',
      help: 'Duration of send calls to the remote storage.',
      labelNames: theirs,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60],
      registers,
    });
  }

  /** Books what has changed between two readings of a queue's counts. */
  book(output: OutputIdentity, before: SendQueueCounts, now: SendQueueCounts): void {
    const ours = { output: output.name, kind: 'metrics' };
    const theirs = { remote_name: output.name, url: output.url };
    const sent = now.sentSamples - before.sentSamples;
    this.#sent.inc(ours, sent);
    this.#remoteSent.inc(theirs, sent);
    this.#queued.set(ours, now.queuedSamples);
    this.#remotePending.set(theirs, now.queuedSamples);
    for (const reason of RETRY_REASONS) {
      const added = now.retriedSamples[reason] - before.retriedSamples[reason];
      this.#retried.inc({ ...ours, reason }, added);
      this.#failed.inc({ ...ours, reason }, added);
      this.#remoteRetried.inc(theirs, added);
    }
    for (const reason of DROP_REASONS) {
      const added = now.droppedSamples[reason] - before.droppedSamples[reason];
      this.#dropped.inc({ ...ours, reason }, added);
      if (reason === 'rejected') {
        this.#failed.inc({ ...ours, reason }, added);
        this.#remoteFailed.inc(theirs, added);
      } else {
        this.#remoteDropped.inc({ ...theirs, reason }, added);
      }
    }
  }

  /** A batch on its way to all outputs. */
  taken({ timesMs, sampleCount }: SampleBatch): void {
    let highestMs = this.#highestMs;
    for (let i = 0; i < sampleCount; i++) if (timesMs[i]! > highestMs) highestMs = timesMs[i]!;
    if (highestMs === this.#highestMs) return;
    this.#highestMs = highestMs;
    this.#remoteHighest.set(highestMs / 1000);
  }

  pushed(output: OutputIdentity, samples: number): void {
    this.#remoteIn.inc({ remote_name: output.name, url: output.url }, samples);
  }

  /** Samples that `write_relabel_configs` left out. */
  relabelled(output: OutputIdentity, samples: number): void {
    if (samples === 0) return;
    const reason = 'relabel';
    this.#dropped.inc({ output: output.name, kind: 'metrics', reason }, samples);
    this.#remoteDropped.inc({ remote_name: output.name, url: output.url, reason }, samples);
  }

  sent(output: OutputIdentity, durationSeconds: number, bytes: number): void {
    const labels = { remote_name: output.name, url: output.url };
    this.#remoteDuration.observe(labels, durationSeconds);
    this.#remoteBytes.inc(labels, bytes);
  }

  highestSent(output: OutputIdentity, timeMs: number): void {
    this.#remoteHighestSent.set({ remote_name: output.name, url: output.url }, timeMs / 1000);
  }

  /** Log records that an output's receiver has acknowledged. */
  logsSent(output: string, records: number): void {
    this.#sent.inc({ output, kind: 'logs' }, records);
  }

  /** Log records whose delivery failed and that will be sent again. */
  logsRetried(output: string, records: number): void {
    const labels = { output, kind: 'logs', reason: 'unreachable' };
    this.#failed.inc(labels, records);
    this.#retried.inc(labels, records);
  }

  /** Log records that were given up. */
  logsDropped(output: string, reason: string, records: number): void {
    this.#dropped.inc({ output, kind: 'logs', reason }, records);
  }

  /** Rejected records that were kept, and make room for others. */
  deadLettersOverwritten(output: string, records: number): void {
    this.#overwritten.inc({ output }, records);
  }

  /** Samples that arrived after they had waited on disk. */
  sentFromSpool(output: OutputIdentity, samples: number, timeMs: number): void {
    this.#sent.inc({ output: output.name, kind: 'metrics' }, samples);
    this.#remoteSent.inc({ remote_name: output.name, url: output.url }, samples);
    this.highestSent(output, timeMs);
  }

  /** Samples given up outside of the queue in memory. */
  dropped(output: OutputIdentity, samples: number, reason: string): void {
    this.#dropped.inc({ output: output.name, kind: 'metrics', reason }, samples);
    this.#remoteDropped.inc({ remote_name: output.name, url: output.url, reason }, samples);
  }

  /** What waits on an output's disk, and what had to make room since the last call. */
  spooled(output: OutputIdentity, spool: Spool): void {
    this.#spooled(output.name, spool);
    this.#bookDrops(spool, (reason, samples) => this.dropped(output, samples, reason));
  }

  /** What waits on disk, and what had to make room since the last call. */
  logsSpooled(output: string, spool: Spool): void {
    this.#spooled(output, spool);
    this.#bookDrops(spool, (reason, records) => this.logsDropped(output, reason, records));
  }

  #spooled(output: string, { records, sizeBytes, counters }: Spool): void {
    this.#spoolRecords.set({ output }, records);
    this.#spoolBytes.set({ output }, sizeBytes);
    this.#spoolDamaged.set({ output }, counters.damagedBytes);
  }

  #bookDrops(spool: Spool, count: (reason: SpoolDropReason, records: number) => void): void {
    const { droppedFor } = spool.counters;
    const before = this.#spoolDropped.get(spool);
    for (const reason of SPOOL_DROP_REASONS) {
      const added = droppedFor[reason] - (before?.[reason] ?? 0);
      if (added > 0) count(reason, added);
    }
    this.#spoolDropped.set(spool, { ...droppedFor });
  }

  logsQueued(output: string, records: number): void {
    this.#queued.set({ output, kind: 'logs' }, records);
  }

  /** An output that is no more has nothing waiting. */
  forget(output: OutputIdentity): void {
    this.#queued.remove({ output: output.name, kind: 'metrics' });
    this.#remotePending.remove({ remote_name: output.name, url: output.url });
  }
}
