import { Labels } from '#libs/labels';
import { NodeHttpProbeTransport, NodeTcpProbeTransport } from '#libs/node-http';
import { withSpan } from '#libs/platform';
import {
  judgeHttp,
  judgeTcp,
  observeHttp,
  observeTcp,
  ProbeSeries,
  type ProbeVerdict,
} from '#libs/probes';
import { spreadOffsetMs } from '#libs/scrape';
import type { MetricSink } from '../outputs/metric-sink.ts';
import type { ConcurrencyGate } from '../scrape/concurrency-gate.ts';
import { PeriodicTimer } from '../scrape/periodic-timer.ts';
import type { ProbeMetrics } from './probe-metrics.ts';
import type { ProbeConfig } from './probes-config.ts';

/** What the loops of a collector share. */
export interface ProbeSurroundings {
  readonly sink: MetricSink;
  readonly metrics: ProbeMetrics;
  readonly gate: ConcurrencyGate;
  /** Tells collectors apart that probe the same targets. */
  readonly spreadSeed: string;
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  readonly userAgent: string;
}

/** How the last probe of a target went. Times are NaN before the first. */
export interface ProbeStatus {
  readonly verdict: ProbeVerdict | null;
  readonly lastProbeMs: number;
  readonly lastSuccessMs: number;
  readonly lastDurationSeconds: number;
  readonly failuresInARow: number;
}

/** Probes one target at its interval, until it is stopped. */
export class ProbeLoop {
  readonly config: ProbeConfig;
  readonly target: string;
  readonly labels: Labels;
  readonly #around: ProbeSurroundings;
  readonly #series: ProbeSeries;
  readonly #timer: PeriodicTimer;
  readonly #abort = new AbortController();
  status: ProbeStatus = {
    verdict: null,
    lastProbeMs: Number.NaN,
    lastSuccessMs: Number.NaN,
    lastDurationSeconds: 0,
    failuresInARow: 0,
  };

  constructor(config: ProbeConfig, target: string, around: ProbeSurroundings) {
    this.config = config;
    this.target = target;
    this.#around = around;
    this.labels = Labels.fromRecord({
      job: config.name,
      instance: target,
      module: config.module.kind,
      target,
    }).merge(config.labels);
    this.#series = new ProbeSeries(this.labels);
    const { intervalMs } = config;
    const offsetMs = spreadOffsetMs(`${config.name} ${target}`, intervalMs, around.spreadSeed);
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
    const { config, target } = this;
    const timeMs = Date.now();
    const startedMs = performance.now();
    const attributes = { 'probe.name': config.name, 'probe.target': target };
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(config.timeoutMs)]);
    const judge = await withSpan('probe', attributes, () => this.#observe(signal));
    // Whoever stopped the loop has said the last word about its series.
    if (this.#abort.signal.aborted) return;
    const durationSeconds = (performance.now() - startedMs) / 1_000;
    const verdict = judge(durationSeconds);
    const isSuccess = verdict.failure === null;
    this.status = {
      verdict,
      lastProbeMs: timeMs,
      lastSuccessMs: isSuccess ? timeMs : this.status.lastSuccessMs,
      lastDurationSeconds: durationSeconds,
      failuresInARow: isSuccess ? 0 : this.status.failuresInARow + 1,
    };
    this.#around.metrics.probed(config, verdict);
    this.#around.sink.push(this.#series.accept(verdict, timeMs));
  }

  async #observe(signal: AbortSignal): Promise<(durationSeconds: number) => ProbeVerdict> {
    const { target } = this;
    const { module } = this.config;
    const { baseDir, userAgent } = this.#around;
    if (module.kind === 'http') {
      const { http } = module;
      const transport = new NodeHttpProbeTransport({ http: http.http, baseDir });
      const seen = await observeHttp(http, target, transport, { userAgent, signal });
      return (durationSeconds) => judgeHttp(http, seen, durationSeconds);
    }
    const transport = new NodeTcpProbeTransport({ tls: module.tcp.tls, baseDir });
    const seen = await observeTcp(module.tcp, target, transport, { signal });
    return (durationSeconds) => judgeTcp(seen, durationSeconds);
  }
}
