import { randomInt } from 'node:crypto';
import { withSpan } from '#libs/platform';
import { ProbeSeries, type ProbeTransports, runProbe } from '#libs/probes';
import { spreadOffsetMs } from '#libs/scrape';
import type { MetricSink } from '../outputs/metric-sink.ts';
import type { ConcurrencyGate } from '../scrape/concurrency-gate.ts';
import { PeriodicTimer } from '../scrape/periodic-timer.ts';
import type { ProbeJob } from './probe-job.ts';
import type { ProbeMetrics } from './probe-metrics.ts';
import { NEVER_PROBED, nextProbeStatus, type ProbeStatus } from './probe-status.ts';

/** What the loops of a collector share. */
export interface ProbeSurroundings {
  readonly sink: MetricSink;
  readonly metrics: ProbeMetrics;
  readonly gate: ConcurrencyGate;
  /** Tells collectors apart that probe the same targets. */
  readonly spreadSeed: string;
  readonly userAgent: string;
  transportsFor(job: ProbeJob): ProbeTransports;
}

/** Probes one target at its interval, until it is stopped. */
export class ProbeLoop {
  readonly job: ProbeJob;
  readonly #around: ProbeSurroundings;
  readonly #series: ProbeSeries;
  readonly #timer: PeriodicTimer;
  readonly #abort = new AbortController();
  status: ProbeStatus = NEVER_PROBED;

  constructor(job: ProbeJob, around: ProbeSurroundings) {
    this.job = job;
    this.#around = around;
    this.#series = new ProbeSeries(job.labels);
    const { intervalMs } = job;
    const offsetMs = spreadOffsetMs(`${job.name} ${job.target}`, intervalMs, around.spreadSeed);
    this.#timer = new PeriodicTimer({ intervalMs, offsetMs }, () =>
      around.gate.run(() => this.#probe()),
    );
  }

  start(): void {
    this.#timer.start();
  }

  /** Ends the loop and every series of the target. Stopping twice, or before starting, is harmless. */
  stop(): void {
    this.#timer.stop();
    this.#abort.abort();
    const batch = this.#series.stop(Date.now());
    if (batch.sampleCount > 0) this.#around.sink.push(batch);
  }

  async #probe(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const { job } = this;
    const timeMs = Date.now();
    const startedMs = performance.now();
    const attributes = { 'probe.name': job.name, 'probe.target': job.target };
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(job.timeoutMs)]);
    const judge = await withSpan('probe', attributes, () =>
      runProbe(job.module, job.target, this.#around.transportsFor(job), {
        userAgent: this.#around.userAgent,
        signal,
        dialIp: job.dialIp,
        randomId: randomInt(0x1_0000),
      }),
    );
    // Whoever stopped the loop has said the last word about its series.
    if (this.#abort.signal.aborted) return;
    const durationSeconds = (performance.now() - startedMs) / 1_000;
    const verdict = judge(durationSeconds);
    this.status = nextProbeStatus(this.status, verdict, timeMs, durationSeconds);
    this.#around.metrics.probed(job, verdict);
    this.#around.sink.push(this.#series.accept(verdict, timeMs));
  }
}
