import type { Node } from '../objects/cluster.ts';
import type { Container, Pod } from '../objects/pod.ts';
import { addObjectMeta, META, type MetaLabels } from './meta-labels.ts';

/** What is known of a pod as a whole. */
export function podLabels(pod: Pod): MetaLabels {
  const { metadata, spec, status } = pod;
  const ready = status.conditions.find(({ type }) => type === 'Ready')?.status ?? '';
  const controller = metadata.ownerReferences.find((owner) => owner.controller === true);
  const labels: MetaLabels = {
    [`${META}pod_name`]: metadata.name,
    [`${META}pod_ip`]: status.podIP,
    [`${META}pod_ready`]: ready === '' ? 'unknown' : ready.toLowerCase(),
    [`${META}pod_phase`]: status.phase,
    [`${META}pod_node_name`]: spec.nodeName,
    [`${META}pod_host_ip`]: status.hostIP,
    [`${META}pod_uid`]: metadata.uid,
    [`${META}pod_controller_kind`]: controller?.kind ?? '',
    [`${META}pod_controller_name`]: controller?.name ?? '',
  };
  addObjectMeta(labels, 'pod', metadata);
  return labels;
}

/** A container of a pod, and whether it is one that runs before the others. */
export interface PodContainer {
  readonly container: Container;
  readonly isInit: boolean;
}

/** All containers, in the order of the pod. */
export function podContainers({ spec }: Pod): PodContainer[] {
  return [
    ...spec.containers.map((container) => ({ container, isInit: false })),
    ...spec.initContainers.map((container) => ({ container, isInit: true })),
  ];
}

/** What is known of a container, and of one of its ports. */
export function containerLabels(
  pod: Pod,
  { container, isInit }: PodContainer,
  port: Container['ports'][number] | null,
): MetaLabels {
  const { containerStatuses, initContainerStatuses } = pod.status;
  const status = [...containerStatuses, ...initContainerStatuses].find(
    ({ name }) => name === container.name,
  );
  return {
    [`${META}pod_container_name`]: container.name,
    [`${META}pod_container_image`]: container.image,
    [`${META}pod_container_id`]: status?.containerID ?? '',
    [`${META}pod_container_init`]: String(isInit),
    ...(port !== null && {
      [`${META}pod_container_port_name`]: port.name,
      [`${META}pod_container_port_number`]: String(port.containerPort),
      [`${META}pod_container_port_protocol`]: port.protocol === '' ? 'TCP' : port.protocol,
    }),
  };
}

/** What is known of a node; the addresses only for targets that are nodes. */
export function nodeLabels({ metadata, spec }: Node): MetaLabels {
  const labels: MetaLabels = {
    [`${META}node_name`]: metadata.name,
    [`${META}node_provider_id`]: spec.providerID,
  };
  addObjectMeta(labels, 'node', metadata);
  return labels;
}
