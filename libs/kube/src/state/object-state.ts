import type { Metadata } from '../objects/metadata.ts';
import type { ObjectOf, ResourceName } from '../resources.ts';
import { allowedPairs, type AllowedNames } from './allowed-labels.ts';
import {
  addEndpointSliceState,
  addIngressState,
  addLeaseState,
  addNamespaceState,
  addNodeState,
  addResourceQuotaState,
  addServiceState,
} from './cluster-object-state.ts';
import { addOptInPodState, addPodState } from './pod-state.ts';
import type { ObjectSeries, Pair, StateWriter } from './state-writer.ts';
import {
  addOptInPersistentVolumeState,
  addPersistentVolumeClaimState,
  addPersistentVolumeState,
} from './storage-state.ts';
import {
  addCronJobState,
  addDaemonSetState,
  addDeploymentState,
  addHorizontalPodAutoscalerState,
  addJobState,
  addPodDisruptionBudgetState,
  addReplicaSetState,
  addStatefulSetState,
} from './workload-state.ts';

/** What decides which series objects have. */
export interface StateOptions {
  /** By resource; without an entry there is no `kube_*_labels` series. */
  readonly allowedLabels: ReadonlyMap<string, AllowedNames>;
  readonly allowedAnnotations: ReadonlyMap<string, AllowedNames>;
  /** Also the series kube-state-metrics shows only when asked to. */
  readonly hasOptIn: boolean;
}

interface ResourceState<N extends ResourceName> {
  /** The label with the object's name, and what the names of its series begin with. */
  readonly label: string;
  readonly prefix: string;
  readonly hasUid?: boolean;
  readonly isClusterWide?: boolean;
  readonly hasNoLabels?: boolean;
  readonly add: (writer: StateWriter, object: ObjectOf<N>) => void;
  readonly addOptIn?: (writer: StateWriter, object: ObjectOf<N>) => void;
}

type StateTable = { readonly [N in ResourceName]?: ResourceState<N> };

function state<N extends ResourceName>(
  label: string,
  add: ResourceState<N>['add'],
  more: Partial<ResourceState<N>> = {},
): ResourceState<N> {
  return { label, prefix: `kube_${label}`, add, ...more };
}

const TABLE = {
  pods: state('pod', addPodState, { hasUid: true, addOptIn: addOptInPodState }),
  nodes: state('node', addNodeState, { isClusterWide: true }),
  namespaces: state('namespace', addNamespaceState, { isClusterWide: true }),
  services: state('service', addServiceState, { hasUid: true }),
  resourcequotas: state('resourcequota', addResourceQuotaState),
  persistentvolumes: state('persistentvolume', addPersistentVolumeState, {
    isClusterWide: true,
    addOptIn: addOptInPersistentVolumeState,
  }),
  persistentvolumeclaims: state('persistentvolumeclaim', addPersistentVolumeClaimState),
  deployments: state('deployment', addDeploymentState),
  replicasets: state('replicaset', addReplicaSetState),
  statefulsets: state('statefulset', addStatefulSetState),
  daemonsets: state('daemonset', addDaemonSetState),
  jobs: state('job_name', addJobState, { prefix: 'kube_job' }),
  cronjobs: state('cronjob', addCronJobState),
  horizontalpodautoscalers: state('horizontalpodautoscaler', addHorizontalPodAutoscalerState),
  poddisruptionbudgets: state('poddisruptionbudget', addPodDisruptionBudgetState),
  // A lease's namespace stands in its series themselves, and it has no series for its labels.
  leases: state('lease', addLeaseState, { isClusterWide: true, hasNoLabels: true }),
  endpointslices: state('endpointslice', addEndpointSliceState),
  ingresses: state('ingress', addIngressState),
} as const satisfies StateTable;

/** The resources that have series. */
export type StateResource = keyof typeof TABLE;

/** The resources that have series, by their plural. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table's own keys
export const STATE_RESOURCES = Object.keys(TABLE) as readonly StateResource[];

/** The series of one object under kube-state-metrics' names, without duplicates. */
export function objectState<N extends StateResource>(
  resource: N,
  object: ObjectOf<N>,
  writer: StateWriter,
  options: StateOptions,
): ObjectSeries {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the compiler does not relate the entry to its key
  const entry = TABLE[resource] as unknown as ResourceState<N>;
  const { metadata }: { readonly metadata: Metadata } = object;
  const identity: Pair[] = [[entry.label, metadata.name]];
  if (entry.isClusterWide !== true) identity.unshift(['namespace', metadata.namespace]);
  if (entry.hasUid === true) identity.push(['uid', metadata.uid]);
  writer.begin(identity);
  entry.add(writer, object);
  if (options.hasOptIn) entry.addOptIn?.(writer, object);
  if (entry.hasNoLabels !== true) {
    const labels = options.allowedLabels.get(resource);
    if (labels !== undefined) {
      const pairs = allowedPairs('label', metadata.labels, labels);
      writer.add(`${entry.prefix}_labels`, 1, ...pairs);
    }
    const annotations = options.allowedAnnotations.get(resource);
    if (annotations !== undefined) {
      const pairs = allowedPairs('annotation', metadata.annotations, annotations);
      writer.add(`${entry.prefix}_annotations`, 1, ...pairs);
    }
  }
  return writer.take();
}
