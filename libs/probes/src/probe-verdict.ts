import { Labels, METRIC_NAME } from '#libs/labels';

/** Why a probe failed; the set is closed because it becomes a metric label. */
export type ProbeFailureCode =
  | 'resolve'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'protocol'
  | 'redirect'
  | 'status'
  | 'version'
  | 'ssl'
  | 'header'
  | 'body'
  | 'body-too-large'
  | 'response'
  | 'forbidden'
  | 'configuration';

export interface ProbeFailure {
  readonly code: ProbeFailureCode;
  /** As the operator is to read it; holds no secret and at most a short piece of what the target sent. */
  readonly message: string;
}

/** One value under blackbox_exporter's name. The labels hold the metric name and what tells its series apart. */
export interface ProbeMetric {
  readonly labels: Labels;
  readonly value: number;
}

/** What one probe came to. */
export interface ProbeVerdict {
  /** Null for success. */
  readonly failure: ProbeFailure | null;
  /** `probe_success` and `probe_duration_seconds` among them. */
  readonly metrics: readonly ProbeMetric[];
}

/** Collects metrics by name. */
export class ProbeMetrics {
  readonly #metrics: ProbeMetric[] = [];

  set(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.#metrics.push({ labels: Labels.fromRecord({ ...labels, [METRIC_NAME]: name }), value });
  }

  verdict(failure: ProbeFailure | null, durationSeconds: number): ProbeVerdict {
    this.set('probe_success', failure === null ? 1 : 0);
    this.set('probe_duration_seconds', durationSeconds);
    return { failure, metrics: this.#metrics };
  }
}
