import { Labels, METRIC_NAME } from '#libs/labels';
import {
  type ContainerView,
  type DeclaredCheck,
  type DeclaredProbe,
  declaredTarget,
  type ProbeFailure,
  type ProbeMetric,
  ProbeSeries,
  type ProbeTransports,
  type ProbeVerdict,
  runDeclared,
  ShadowProbe,
} from '#libs/probes';
import { spreadOffsetMs } from '#libs/scrape';
import type { MetricSink } from '../outputs/metric-sink.ts';
import type { ConcurrencyGate } from '../scrape/concurrency-gate.ts';
import { PeriodicTimer } from '../scrape/periodic-timer.ts';
import type { ProbeMetrics } from './probe-metrics.ts';

/** The pod whose probe it is. */
export interface ShadowedPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
}

/** What the shadow probes of a collector share. */
export interface ShadowSurroundings {
  readonly sink: MetricSink;
  readonly metrics: ProbeMetrics;
  readonly gate: ConcurrencyGate;
  readonly spreadSeed: string;
  readonly userAgent: string;
  transports(): ProbeTransports;
  /** The container as the kubelet last told of it; null while it has not. */
  viewOf(uid: string, container: string): ContainerView | null;
  /** A probe has been made. `isFinal` is whether the kubelet would act on it. */
  probed(uid: string, probe: DeclaredProbe, failure: string | null, isFinal: boolean): void;
}

/** How a shadow probe fares. Times are NaN before the first. */
export interface ShadowStatus {
  readonly lastProbeMs: number;
  readonly lastDurationSeconds: number;
  readonly lastFailure: ProbeFailure | null;
  readonly lastFailureMs: number;
  /** Set once it turned out that only the kubelet can make this probe. */
  readonly impossible: string | null;
}

type PossibleCheck = Exclude<DeclaredCheck, { kind: 'impossible' }>;

/** Makes one declared probe of one container once in each of its periods, until it is stopped. */
export class ShadowLoop {
  readonly probe: DeclaredProbe;
  readonly #pod: ShadowedPod;
  readonly #check: PossibleCheck;
  readonly #around: ShadowSurroundings;
  readonly #state: ShadowProbe;
  readonly #timer: PeriodicTimer;
  readonly #abort = new AbortController();
  /** Under blackbox_exporter's names. */
  readonly #probeSeries: ProbeSeries;
  /** What follows from it, and what the kubelet says. */
  readonly #resultSeries: ProbeSeries;
  readonly #failures = new Map<string, number>();
  #told = '';
  status: ShadowStatus = {
    lastProbeMs: Number.NaN,
    lastDurationSeconds: 0,
    lastFailure: null,
    lastFailureMs: Number.NaN,
    impossible: null,
  };

  constructor(
    pod: ShadowedPod,
    probe: DeclaredProbe,
    check: PossibleCheck,
    around: ShadowSurroundings,
  ) {
    this.probe = probe;
    this.#pod = pod;
    this.#check = check;
    this.#around = around;
    this.#state = new ShadowProbe(probe);
    const { container, probeType, periodMs } = probe;
    const { namespace, name } = pod;
    const common = { job: 'shadow-probes', namespace, pod: name, container, probe_type: probeType };
    const target = declaredTarget(check, pod.ip);
    this.#resultSeries = new ProbeSeries(Labels.fromRecord(common));
    this.#probeSeries = new ProbeSeries(
      Labels.fromRecord({
        ...common,
        module: check.kind,
        target,
        instance: target,
        scope: 'shadow',
      }),
    );
    const place = `${pod.uid} ${container} ${probeType}`;
    const offsetMs = spreadOffsetMs(place, periodMs, around.spreadSeed);
    this.#timer = new PeriodicTimer({ intervalMs: periodMs, offsetMs }, () =>
      around.gate.run(() => this.#turn()),
    );
  }

  start(): void {
    this.#timer.start();
  }

  /** Ends the loop and its series. Stopping twice, or before starting, is harmless. */
  stop(): void {
    this.#timer.stop();
    this.#abort.abort();
    for (const series of [this.#probeSeries, this.#resultSeries]) {
      const batch = series.stop(Date.now());
      if (batch.sampleCount > 0) this.#around.sink.push(batch);
    }
  }

  /** Null while nothing has been asked. */
  get verdict(): boolean | null {
    return this.#state.hasResult ? this.#state.verdict : null;
  }

  get failuresInARow(): number {
    return this.status.lastFailure === null ? 0 : this.#state.resultRun;
  }

  kubeletVerdict(): boolean | null {
    const view = this.#view();
    return view === null ? null : this.#state.kubeletVerdict(view);
  }

  mismatch(): boolean | null {
    const view = this.#view();
    return view === null ? null : this.#state.mismatch(view);
  }

  /** The kubelet has told something new about the pod. */
  podChanged(): void {
    const view = this.#view();
    if (view !== null && this.#shown() !== this.#told) this.#tell(Date.now());
  }

  #view(): ContainerView | null {
    return this.#around.viewOf(this.#pod.uid, this.probe.container);
  }

  async #turn(): Promise<void> {
    if (this.#abort.signal.aborted || this.status.impossible !== null) return;
    const timeMs = Date.now();
    const view = this.#view();
    if (view === null) return;
    if (this.#state.isDue(view, timeMs)) await this.#probe(timeMs, view.id);
    if (!this.#abort.signal.aborted) this.#tell(timeMs);
  }

  async #probe(timeMs: number, containerId: string): Promise<void> {
    const { userAgent, metrics, sink } = this.#around;
    const startedMs = performance.now();
    const timeout = AbortSignal.timeout(this.probe.timeoutMs);
    const signal = AbortSignal.any([this.#abort.signal, timeout]);
    const options = { userAgent, signal };
    const judge = await runDeclared(this.#check, this.#pod.ip, this.#around.transports(), options);
    if (this.#abort.signal.aborted) return;
    // A result of the container before this one says nothing about it.
    if (this.#view()?.id !== containerId) return;
    const durationSeconds = (performance.now() - startedMs) / 1_000;
    const verdict = judge(durationSeconds);
    const { failure } = verdict;
    metrics.probed({ name: 'shadow', moduleName: this.#check.kind }, verdict);
    if (failure?.code === 'forbidden' || failure?.code === 'configuration') {
      this.status = { ...this.status, impossible: failure.message };
      return;
    }
    this.#note(verdict, timeMs, durationSeconds);
    const hasChanged = this.#state.observed(failure === null);
    const text = failure === null ? null : `${failure.code}: ${failure.message}`;
    this.#around.probed(this.#pod.uid, this.probe, text, hasChanged && failure !== null);
    sink.push(this.#probeSeries.accept(verdict, timeMs));
  }

  #note({ failure }: ProbeVerdict, timeMs: number, durationSeconds: number): void {
    this.status = {
      lastProbeMs: timeMs,
      lastDurationSeconds: durationSeconds,
      lastFailure: failure,
      lastFailureMs: failure === null ? this.status.lastFailureMs : timeMs,
      impossible: null,
    };
    if (failure === null) return;
    this.#failures.set(failure.code, (this.#failures.get(failure.code) ?? 0) + 1);
  }

  #shown(): string {
    return `${this.verdict} ${this.kubeletVerdict()} ${this.mismatch()}`;
  }

  #tell(timeMs: number): void {
    this.#told = this.#shown();
    const metrics: ProbeMetric[] = [];
    const add = (name: string, value: number | boolean | null, label?: [string, string]): void => {
      if (value === null) return;
      const labels = Labels.fromRecord({
        [METRIC_NAME]: name,
        ...(label !== undefined && { [label[0]]: label[1] }),
      });
      metrics.push({ labels, value: Number(value) });
    };
    add('binnacle_pod_probe_result', this.verdict, ['source', 'shadow']);
    add('binnacle_pod_probe_result', this.kubeletVerdict(), ['source', 'kubelet']);
    add('binnacle_pod_probe_mismatch', this.mismatch());
    for (const [reason, count] of this.#failures) {
      add('binnacle_pod_probe_failures_total', count, ['reason', reason]);
    }
    this.#around.sink.push(this.#resultSeries.accept({ failure: null, metrics }, timeMs), 'soon');
  }
}
