import { urlHostname } from '#libs/discovery';
import { containerView, type PodStory, withEvents } from '#libs/kube';
import { formatDurationMs } from '#libs/labels';
import type { EventsOfPod } from './pod-events.ts';
import type { PodProbes, ShadowedProbe } from './pod-probes.ts';
import type { AskedProbe } from './own-prober.ts';
import type { ProbeJob } from './probe-job.ts';
import type { ProbeStatus } from './probe-status.ts';

/** A target that is probed, whoever has asked for it. */
export interface ProbedTarget extends Pick<
  ProbeJob,
  'name' | 'moduleName' | 'target' | 'labels' | 'intervalMs' | 'timeoutMs'
> {
  readonly status: ProbeStatus;
}

/** A target that somebody has had probed by scraping it. */
export function askedTarget({ request, ...asked }: AskedProbe): ProbedTarget {
  return { ...request, ...asked, name: request.jobName };
}

/** Whether a probe is of the pod: it says so, or goes to its address. */
export function isOfPod(
  { target, labels }: ProbedTarget,
  { namespace, name, pod }: PodStory,
): boolean {
  if (labels.get('pod') === name && labels.get('namespace') === namespace) return true;
  // Those in their node's network have its address.
  if (pod === null || pod.spec.hostNetwork) return false;
  const host = targetHost(target);
  return pod.status.podIPs.some(({ ip }) => urlHostname(ip) === host);
}

/** Of a URL or of a host with or without a port; as a URL has it. */
function targetHost(target: string): string {
  const isUrl = target.includes('://');
  return URL.parse(isUrl ? target : `http://${target}`)?.hostname ?? urlHostname(target);
}

/** A probed target as the API shows it. */
export function describeTarget({ status, ...job }: ProbedTarget): object {
  const { verdict } = status;
  return {
    name: job.name,
    module: job.moduleName,
    target: job.target,
    labels: job.labels,
    interval: formatDurationMs(job.intervalMs),
    timeout: formatDurationMs(job.timeoutMs),
    health: verdict === null ? 'unknown' : verdict.failure === null ? 'up' : 'down',
    failure: verdict?.failure ?? null,
    failuresInARow: status.failuresInARow,
    lastProbe: timeOrNull(status.lastProbeMs),
    lastSuccess: timeOrNull(status.lastSuccessMs),
    lastDuration: status.lastDurationSeconds,
    metrics: (verdict?.metrics ?? []).map(({ labels: name, value }) => ({
      name: name.toString(),
      value: String(value),
    })),
  };
}

/** A pod, its containers and their probes as they are now; with what happened to it where its events were asked for. */
export function describePod(
  story: PodStory,
  probes: PodProbes,
  events: EventsOfPod | null,
): object {
  const { namespace, name, uid, pod, deletedAtMs } = story;
  return {
    namespace,
    pod: name,
    uid,
    node: pod?.spec.nodeName ?? null,
    phase: pod?.status.phase ?? null,
    isReady:
      pod?.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ??
      false,
    deleted: timeOrNull(deletedAtMs ?? Number.NaN),
    containers: pod === null ? [] : describeContainers(pod, probes),
    ...(events !== null && describeStory(story, events)),
  };
}

function describeContainers(pod: NonNullable<PodStory['pod']>, probes: PodProbes): object[] {
  const declared = probes.probesOf(pod);
  const { initContainerStatuses, containerStatuses } = pod.status;
  return [...initContainerStatuses, ...containerStatuses].map((status) => {
    const view = containerView(pod, status.name);
    const { waiting, running, terminated } = status.state;
    return {
      name: status.name,
      state: running !== null ? 'running' : terminated !== null ? 'terminated' : 'waiting',
      reason: waiting?.reason ?? terminated?.reason ?? '',
      isReady: status.ready,
      hasStarted: view?.hasStarted ?? false,
      restarts: status.restartCount,
      probes: declared
        .filter((probe) => probe.declared.container === status.name)
        .map(describeShadow),
    };
  });
}

function describeShadow({ declared, loop }: ShadowedProbe): object {
  const { check } = declared;
  const status = loop?.status ?? null;
  return {
    type: declared.probeType,
    check: check.kind === 'impossible' ? null : check.kind,
    period: formatDurationMs(declared.periodMs),
    timeout: formatDurationMs(declared.timeoutMs),
    kubelet: loop?.kubeletVerdict() ?? null,
    shadow: loop?.verdict ?? null,
    isMismatch: loop?.mismatch() ?? null,
    notPossible: check.kind === 'impossible' ? check.reason : (status?.impossible ?? null),
    failure: status?.lastFailure ?? null,
    failuresInARow: loop?.failuresInARow ?? 0,
    lastProbe: timeOrNull(status?.lastProbeMs ?? Number.NaN),
    lastFailure: timeOrNull(status?.lastFailureMs ?? Number.NaN),
    lastDuration: status?.lastDurationSeconds ?? 0,
  };
}

/** What happened to a pod, oldest first. */
function describeStory({ entries, forgotten }: PodStory, events: EventsOfPod): object {
  return {
    story: withEvents(entries, events.entries).map(
      ({ timeMs, lastTimeMs, count, kind, container, reason, message }) => ({
        time: timeOrNull(timeMs),
        lastTime: timeOrNull(lastTimeMs),
        count,
        what: kind,
        container,
        reason,
        message,
      }),
    ),
    forgotten,
    eventsError: events.error,
  };
}

function timeOrNull(ms: number): string | null {
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}
