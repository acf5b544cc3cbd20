import type { Container, ContainerStatus, Pod } from '../objects/pod.ts';
import { addResources } from './resources.ts';
import type { Pair, StateWriter } from './state-writer.ts';

/** What Go makes of a time that is missing; kube-state-metrics shows it where a container's state has none. */
const GO_ZERO_MS = -62_135_596_800_000;

/** kube-state-metrics' series of a pod's containers and init containers. */
export function addContainerState(writer: StateWriter, { spec, status }: Pod): void {
  const specs = new Map(spec.containers.map((container) => [container.name, container]));
  for (const container of status.containerStatuses) {
    const own = specs.get(container.name);
    if (own !== undefined) {
      writer.add('kube_pod_container_info', 1, ...infoLabels(own, container));
    }
    addStatus(writer, 'kube_pod_container', container);
  }
  addStarts(writer, 'kube_pod_container', spec.containers, spec.nodeName);
  const initSpecs = new Map(spec.initContainers.map((container) => [container.name, container]));
  for (const container of status.initContainerStatuses) {
    const own = initSpecs.get(container.name);
    if (own !== undefined) {
      writer.add('kube_pod_init_container_info', 1, ...infoLabels(own, container), [
        'restart_policy',
        own.restartPolicy,
      ]);
    }
    addStatus(writer, 'kube_pod_init_container', container);
  }
  addStarts(writer, 'kube_pod_init_container', spec.initContainers, spec.nodeName);
  const ends = status.containerStatuses.map(({ state }) => state.terminated?.finishedAt ?? 0);
  const lastEndMs = Math.max(0, ...ends);
  if (lastEndMs > 0) writer.addTime('kube_pod_completion_time', lastEndMs);
}

function infoLabels(own: Container, container: ContainerStatus): readonly Pair[] {
  return [
    ['container', container.name],
    ['image_spec', own.image],
    ['image', container.image],
    ['image_id', container.imageID],
    ['container_id', container.containerID],
  ];
}

function addStarts(
  writer: StateWriter,
  prefix: string,
  containers: readonly Container[],
  node: string,
): void {
  for (const { name, resources } of containers) {
    const labels = [
      ['container', name],
      ['node', node],
    ] as const;
    addResources(writer, `${prefix}_resource_limits`, resources.limits, ...labels);
    addResources(writer, `${prefix}_resource_requests`, resources.requests, ...labels);
  }
}

function addStatus(writer: StateWriter, prefix: string, status: ContainerStatus): void {
  const { state, lastState } = status;
  const container = ['container', status.name] as const;
  const begun = state.running ?? state.terminated;
  if (begun !== null) {
    writer.addTime(`${prefix}_state_started`, begun.startedAt ?? GO_ZERO_MS, container);
  }
  writer.add(`${prefix}_status_ready`, status.ready ? 1 : 0, container);
  writer.add(`${prefix}_status_restarts_total`, status.restartCount, container);
  writer.add(`${prefix}_status_running`, state.running === null ? 0 : 1, container);
  writer.add(`${prefix}_status_terminated`, state.terminated === null ? 0 : 1, container);
  writer.add(`${prefix}_status_waiting`, state.waiting === null ? 0 : 1, container);
  if (state.waiting !== null) {
    writer.add(`${prefix}_status_waiting_reason`, 1, container, ['reason', state.waiting.reason]);
  }
  if (state.terminated !== null) {
    const reason = ['reason', state.terminated.reason] as const;
    writer.add(`${prefix}_status_terminated_reason`, 1, container, reason);
  }
  const last = lastState.terminated;
  if (last !== null) {
    const reason = ['reason', last.reason] as const;
    writer.add(`${prefix}_status_last_terminated_reason`, 1, container, reason);
    writer.add(`${prefix}_status_last_terminated_exitcode`, last.exitCode, container);
    writer.addTime(
      `${prefix}_status_last_terminated_timestamp`,
      last.finishedAt ?? GO_ZERO_MS,
      container,
    );
  }
}
