import type { SimIngress, SimPod, SimWorkload } from './cluster-model.ts';
import type { MetricBody } from './metric-body.ts';

/** What a collector counts of the log lines of its node's pods. */
export function growLogs(
  body: MetricBody,
  pods: Iterable<readonly [SimPod, SimWorkload]>,
  seconds: number,
): void {
  for (const [pod, workload] of pods) {
    if (pod.phase !== 'Running' || pod.waiting !== '' || pod.linesPerSecond === 0) continue;
    const section = body.section(`logs ${pod.namespace}/${pod.name}`);
    const lines = pod.linesPerSecond * seconds;
    for (const [level, share] of [
      ['info', 1 - pod.errorShare],
      ['error', pod.errorShare],
    ] as const) {
      const labels =
        `namespace="${pod.namespace}",pod="${pod.name}",container="${pod.container}",` +
        `workload="${workload.name}",level="${level}",stream="stdout"`;
      section.add(`binnacle_log_lines_total{${labels}}`, lines * share);
      section.add(`binnacle_log_bytes_total{${labels}}`, lines * share * 180);
    }
  }
}

/** What the shadow probes of a node say, and whether kubelet says the same. */
export function setPodProbes(body: MetricBody, pods: Iterable<SimPod>): void {
  for (const pod of pods) {
    if (pod.phase !== 'Running' || pod.waiting !== '') continue;
    const section = body.section(`probes ${pod.namespace}/${pod.name}`);
    for (const type of ['Liveness', 'Readiness'] as const) {
      const state = pod.probes[type];
      if (state === null) continue;
      const labels =
        `namespace="${pod.namespace}",pod="${pod.name}",container="${pod.container}",` +
        `probe_type="${type}"`;
      const verdict = state === 'ok' ? 1 : 0;
      const isMismatched = pod.isMismatched && type === 'Readiness';
      section.set(`binnacle_pod_probe_result{${labels},source="kubelet"}`, verdict);
      section.set(
        `binnacle_pod_probe_result{${labels},source="shadow"}`,
        isMismatched ? 1 - verdict : verdict,
      );
      section.set(`binnacle_pod_probe_mismatch{${labels}}`, isMismatched ? 1 : 0);
    }
  }
}

/** What the probes of ingresses say, by the ingress. */
export function setIngressProbes(
  body: MetricBody,
  { isUp, host, namespace, name, certificateEndsMs }: SimIngress,
): void {
  const section = body.section(host);
  const labels = `module="http",target="https://${host}/",namespace="${namespace}",ingress="${name}",scope="ingress"`;
  section.set(`probe_success{${labels}}`, isUp ? 1 : 0);
  section.set(`probe_duration_seconds{${labels}}`, isUp ? 0.04 : 5);
  section.set(`probe_http_status_code{${labels}}`, isUp ? 200 : 0);
  section.set(`probe_dns_lookup_time_seconds{${labels}}`, 0.002);
  section.set(`probe_ssl_earliest_cert_expiry{${labels}}`, certificateEndsMs / 1_000);
  section.set(`probe_tls_version_info{${labels},version="TLS 1.3"}`, 1);
  for (const phase of ['resolve', 'connect', 'tls', 'processing', 'transfer']) {
    section.set(`probe_http_duration_seconds{${labels},phase="${phase}"}`, 0.008);
  }
}

/** Warnings of Kubernetes as they are counted: of pods that wait or fail their probes. */
export function growEvents(body: MetricBody, pods: Iterable<SimPod>, seconds: number): void {
  const section = body.section('events');
  const count = (namespace: string, reason: string, type: string, perMinute: number): void =>
    section.add(
      `binnacle_k8s_events_total{namespace="${namespace}",kind="Pod",reason="${reason}",type="${type}"}`,
      (perMinute * seconds) / 60,
    );
  count('shop', 'Scheduled', 'Normal', 0.1);
  for (const pod of pods) {
    if (pod.waiting !== '') count(pod.namespace, 'BackOff', 'Warning', 2);
    else if (Object.values(pod.probes).includes('failing')) {
      count(pod.namespace, 'Unhealthy', 'Warning', 6);
    } else if (pod.node === null) count(pod.namespace, 'FailedScheduling', 'Warning', 1);
  }
}
