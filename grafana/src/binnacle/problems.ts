import { steps } from '../panels.ts';
import { CONTAINER, NAMESPACE } from '../scopes.ts';

/*
 * What several dashboards call a problem, in one place: a number that differs from page to page is worse than none.
 */

/** A day in seconds. */
export const DAY = 86_400;
/** The time that a certificate is still valid. */
export const LIFE = steps('red', [3 * DAY, 'orange'], [21 * DAY, 'green']);

/** Pods that should run and are not ready: 1 for each set of the labels `by`. Finished jobs are none. */
export function notReadyPods(by: string): string {
  const phase = `max by (cluster, namespace, pod) (kube_pod_status_phase{phase=~"Pending|Running|Unknown", ${NAMESPACE}})`;
  return `sum by (${by}) (max by (cluster, namespace, pod) (kube_pod_status_ready{condition!="true", ${NAMESPACE}}) * on (cluster, namespace, pod) ${phase})`;
}

/** Failed probes of the kubelet in five minutes. */
export function failingProbes(by: string): string {
  return `sum by (${by}) (increase(prober_probe_total{result="failed", ${NAMESPACE}}[5m]))`;
}

/** Restarts of containers. */
export function restarts(by: string, range: string): string {
  return `sum by (${by}) (increase(kube_pod_container_status_restarts_total{${NAMESPACE}}[${range}]))`;
}

/** Log lines of level error or fatal in five minutes. */
export function errorLines(by: string): string {
  return `sum by (${by}) (increase(binnacle_log_lines_total{level=~"error|fatal", ${NAMESPACE}}[5m]))`;
}

/** How many workloads have pods of an older template, or fewer available than they should. */
export function unfinishedRollouts(by: string): string {
  const kinds = [
    ['deployment', 'kube_deployment_status_replicas_updated', 'kube_deployment_spec_replicas'],
    ['deployment', 'kube_deployment_status_replicas_available', 'kube_deployment_spec_replicas'],
    ['statefulset', 'kube_statefulset_status_replicas_updated', 'kube_statefulset_replicas'],
    ['statefulset', 'kube_statefulset_status_replicas_ready', 'kube_statefulset_replicas'],
    [
      'daemonset',
      'kube_daemonset_status_updated_number_scheduled',
      'kube_daemonset_status_desired_number_scheduled',
    ],
    [
      'daemonset',
      'kube_daemonset_status_number_available',
      'kube_daemonset_status_desired_number_scheduled',
    ],
  ];
  const behind = kinds.map(
    ([kind, has, wants]) =>
      `max by (cluster, namespace, ${kind}) (${has}{${NAMESPACE}} < ${wants}{${NAMESPACE}})`,
  );
  return `count by (${by}) (${behind.join(' or ')})`;
}

/** The fullest persistent volume of each `by`. */
export function volumeShare(by: string): string {
  return `max by (${by}) (kubelet_volume_stats_used_bytes{${NAMESPACE}} / kubelet_volume_stats_capacity_bytes{${NAMESPACE}})`;
}

/** Failed jobs that still exist. */
export function failedJobs(by: string): string {
  return `sum by (${by}) (max by (cluster, namespace, job_name) (kube_job_failed{condition="true", ${NAMESPACE}}))`;
}

/** Containers, those that initialise a pod included, that wait for one of the reasons. */
export function waitingContainers(by: string, reasons: string): string {
  const of = (kind: string): string =>
    `max by (cluster, namespace, pod, container) (kube_pod_${kind}_status_waiting_reason{reason=~"${reasons}", ${NAMESPACE}})`;
  return `sum by (${by}) (${of('container')} or ${of('init_container')})`;
}

/** Containers that ran out of memory, in the range. */
export function outOfMemoryKills(by: string, range: string): string {
  return `sum by (${by}) (increase(container_oom_events_total{${CONTAINER}, ${NAMESPACE}}[${range}]))`;
}
