import type { Decode } from './decode.ts';
import {
  endpoints,
  endpointSlice,
  ingress,
  lease,
  namespace,
  node,
  resourceQuota,
  service,
} from './objects/cluster.ts';
import { configMap, customObject } from './objects/custom.ts';
import { event } from './objects/event.ts';
import type { KubeObject } from './objects/metadata.ts';
import { pod } from './objects/pod.ts';
import { persistentVolume, persistentVolumeClaim } from './objects/storage.ts';
import {
  cronJob,
  daemonSet,
  deployment,
  horizontalPodAutoscaler,
  job,
  podDisruptionBudget,
  replicaSet,
  statefulSet,
} from './objects/workloads.ts';

/** One collection of the API: where it is and how its objects are read. */
export interface KubeResource<T extends KubeObject = KubeObject> {
  /** As in a path and in a role: `pods`. */
  readonly plural: string;
  /** `/api/v1` or `/apis/GROUP/VERSION`. */
  readonly api: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  readonly decode: Decode<T>;
}

function resource<T extends KubeObject>(
  api: string,
  plural: string,
  kind: string,
  decode: Decode<T>,
  scope: 'namespaced' | 'cluster' = 'namespaced',
): KubeResource<T> {
  return { plural, api, kind, isNamespaced: scope === 'namespaced', decode };
}

const CORE = '/api/v1';
const APPS = '/apis/apps/v1';
const BATCH = '/apis/batch/v1';
/** The group of the Prometheus Operator's objects, which exist where somebody has installed their definitions. */
const MONITORING = '/apis/monitoring.coreos.com/v1';

/** Every resource that is watched, by its plural. */
export const RESOURCES = {
  pods: resource(CORE, 'pods', 'Pod', pod),
  nodes: resource(CORE, 'nodes', 'Node', node, 'cluster'),
  namespaces: resource(CORE, 'namespaces', 'Namespace', namespace, 'cluster'),
  services: resource(CORE, 'services', 'Service', service),
  endpoints: resource(CORE, 'endpoints', 'Endpoints', endpoints),
  events: resource(CORE, 'events', 'Event', event),
  resourcequotas: resource(CORE, 'resourcequotas', 'ResourceQuota', resourceQuota),
  persistentvolumes: resource(
    CORE,
    'persistentvolumes',
    'PersistentVolume',
    persistentVolume,
    'cluster',
  ),
  persistentvolumeclaims: resource(
    CORE,
    'persistentvolumeclaims',
    'PersistentVolumeClaim',
    persistentVolumeClaim,
  ),
  deployments: resource(APPS, 'deployments', 'Deployment', deployment),
  replicasets: resource(APPS, 'replicasets', 'ReplicaSet', replicaSet),
  statefulsets: resource(APPS, 'statefulsets', 'StatefulSet', statefulSet),
  daemonsets: resource(APPS, 'daemonsets', 'DaemonSet', daemonSet),
  jobs: resource(BATCH, 'jobs', 'Job', job),
  cronjobs: resource(BATCH, 'cronjobs', 'CronJob', cronJob),
  horizontalpodautoscalers: resource(
    '/apis/autoscaling/v2',
    'horizontalpodautoscalers',
    'HorizontalPodAutoscaler',
    horizontalPodAutoscaler,
  ),
  poddisruptionbudgets: resource(
    '/apis/policy/v1',
    'poddisruptionbudgets',
    'PodDisruptionBudget',
    podDisruptionBudget,
  ),
  leases: resource('/apis/coordination.k8s.io/v1', 'leases', 'Lease', lease),
  endpointslices: resource(
    '/apis/discovery.k8s.io/v1',
    'endpointslices',
    'EndpointSlice',
    endpointSlice,
  ),
  ingresses: resource('/apis/networking.k8s.io/v1', 'ingresses', 'Ingress', ingress),
  configmaps: resource(CORE, 'configmaps', 'ConfigMap', configMap),
  servicemonitors: resource(MONITORING, 'servicemonitors', 'ServiceMonitor', customObject),
  podmonitors: resource(MONITORING, 'podmonitors', 'PodMonitor', customObject),
  probes: resource(MONITORING, 'probes', 'Probe', customObject),
  scrapeconfigs: resource(`${MONITORING}alpha1`, 'scrapeconfigs', 'ScrapeConfig', customObject),
  prometheusrules: resource(MONITORING, 'prometheusrules', 'PrometheusRule', customObject),
} as const;

/** The plural of a resource that is known here. */
export type ResourceName = keyof typeof RESOURCES;

/** What the objects of a resource are, once read. */
export type ObjectOf<N extends ResourceName> = ReturnType<(typeof RESOURCES)[N]['decode']>;

/** The names, in the order of the table. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table's own keys
export const RESOURCE_NAMES = Object.keys(RESOURCES) as readonly ResourceName[];
