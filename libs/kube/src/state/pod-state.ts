import type { Pod } from '../objects/pod.ts';
import { parseQuantity } from '../quantity.ts';
import { addContainerState } from './container-state.ts';
import { labelName } from './allowed-labels.ts';
import type { StateWriter } from './state-writer.ts';

const PHASES = ['Pending', 'Succeeded', 'Failed', 'Unknown', 'Running'];
const QOS_CLASSES = ['BestEffort', 'Burstable', 'Guaranteed'];
/** Reasons that have a name of their own in `kube_pod_status_reason`; the others are `Other`. */
const REASONS: ReadonlySet<string> = new Set([
  'Evicted',
  'NodeAffinity',
  'NodeLost',
  'PreemptionByScheduler',
  'SchedulingGated',
  'Shutdown',
  'TerminationByKubelet',
  'UnexpectedAdmissionError',
]);

/** kube-state-metrics' series of a pod. */
export function addPodState(writer: StateWriter, pod: Pod): void {
  const { metadata, spec, status } = pod;
  const controller = metadata.ownerReferences.find((owner) => owner.controller === true);
  addContainerState(writer, pod);
  writer.addTime('kube_pod_created', metadata.creationTimestamp);
  writer.addTime('kube_pod_deletion_timestamp', metadata.deletionTimestamp);
  writer.add(
    'kube_pod_info',
    1,
    ['host_ip', status.hostIP],
    ['pod_ip', status.podIP],
    ['node', spec.nodeName],
    ['created_by_kind', controller?.kind ?? ''],
    ['created_by_name', controller?.name ?? ''],
    ['priority_class', spec.priorityClassName],
    ['host_network', String(spec.hostNetwork)],
  );
  for (const { ip } of status.podIPs) {
    writer.add('kube_pod_ips', 1, ['ip', ip], ['ip_family', ip.includes(':') ? '6' : '4']);
  }
  writer.addOwners('kube_pod_owner', metadata.ownerReferences);
  writer.add('kube_pod_restart_policy', 1, ['type', spec.restartPolicy]);
  writer.add('kube_pod_service_account', 1, ['service_account', spec.serviceAccountName]);
  writer.add('kube_pod_scheduler', 1, ['name', spec.schedulerName]);
  if (spec.runtimeClassName !== '') {
    writer.add('kube_pod_runtimeclass_name_info', 1, ['runtimeclass_name', spec.runtimeClassName]);
  }
  for (const [resource, name] of [
    ['cpu', 'kube_pod_overhead_cpu_cores'],
    ['memory', 'kube_pod_overhead_memory_bytes'],
  ] as const) {
    const quantity = spec.overhead.get(resource);
    if (quantity !== undefined) writer.add(name, parseQuantity(quantity));
  }
  writer.addTime('kube_pod_start_time', status.startTime);
  writer.addChoice('kube_pod_status_phase', 'phase', PHASES, status.phase);
  writer.addChoice('kube_pod_status_qos_class', 'qos_class', QOS_CLASSES, status.qosClass);
  addConditions(writer, pod);
  addReasons(writer, pod);
  for (const toleration of spec.tolerations) {
    writer.add(
      'kube_pod_tolerations',
      1,
      ['key', toleration.key],
      ['operator', toleration.operator],
      ['value', toleration.value],
      ['effect', toleration.effect],
      ['toleration_seconds', toleration.tolerationSeconds?.toString() ?? ''],
    );
  }
  addVolumes(writer, pod);
}

/** What kube-state-metrics shows when it is asked to. */
export function addOptInPodState(writer: StateWriter, { spec }: Pod): void {
  const selector = [...spec.nodeSelector].map(
    ([name, value]) => [`nodeselector_${labelName(name)}`, value] as const,
  );
  writer.add('kube_pod_nodeselectors', 1, ...new Map(selector));
}

function addConditions(writer: StateWriter, { status }: Pod): void {
  for (const condition of status.conditions) {
    const holds = condition.status === 'True';
    const sinceMs = condition.lastTransitionTime;
    switch (condition.type) {
      case 'Ready':
        writer.addStatus('kube_pod_status_ready', condition.status, 'condition');
        if (holds) writer.addTime('kube_pod_status_ready_time', sinceMs);
        break;
      case 'Initialized':
        if (holds) writer.addTime('kube_pod_status_initialized_time', sinceMs);
        break;
      case 'ContainersReady':
        if (holds) writer.addTime('kube_pod_status_container_ready_time', sinceMs);
        break;
      case 'PodScheduled':
        writer.addStatus('kube_pod_status_scheduled', condition.status, 'condition');
        if (holds) writer.addTime('kube_pod_status_scheduled_time', sinceMs);
        if (condition.status === 'False') {
          writer.add('kube_pod_status_unschedulable', 1);
          writer.addTime('kube_pod_status_unscheduled_time', sinceMs);
        }
        break;
      case 'DisruptionTarget':
        if (holds) {
          writer.add('kube_pod_status_disruption_reason', 1, ['reason', condition.reason]);
        }
        break;
      default:
    }
  }
}

/** Why a pod is as it is: its own reason, its conditions' and its containers', as far as they have a name. */
function addReasons(writer: StateWriter, { status }: Pod): void {
  const reasons = new Set([
    status.reason,
    ...status.conditions.map(({ reason }) => reason),
    ...status.containerStatuses.map(({ state }) => state.terminated?.reason ?? ''),
  ]);
  const named = [...reasons].filter((reason) => REASONS.has(reason));
  for (const reason of named) writer.add('kube_pod_status_reason', 1, ['reason', reason]);
  if (named.length === 0 && status.reason !== '') {
    writer.add('kube_pod_status_reason', 1, ['reason', 'Other']);
  }
}

function addVolumes(writer: StateWriter, { metadata, spec }: Pod): void {
  for (const volume of spec.volumes) {
    const claim = volume.persistentVolumeClaim;
    if (claim === null && volume.ephemeral === null) continue;
    const labels = [
      ['volume', volume.name],
      // The claim of an ephemeral volume is named after the pod.
      ['persistentvolumeclaim', claim?.claimName ?? `${metadata.name}-${volume.name}`],
      ['ephemeral', String(claim === null)],
    ] as const;
    writer.add('kube_pod_spec_volumes_persistentvolumeclaims_info', 1, ...labels);
    const isReadOnly = claim?.readOnly === true;
    writer.add(
      'kube_pod_spec_volumes_persistentvolumeclaims_readonly',
      isReadOnly ? 1 : 0,
      ...labels,
    );
  }
}
