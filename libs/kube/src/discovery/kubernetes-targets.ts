import type { KubernetesDiscovery, KubernetesRole, TargetGroup } from '#libs/discovery';
import { Labels } from '#libs/labels';
import type { KubeObject } from '../objects/metadata.ts';
import type { Ingress, Namespace, Node, Service } from '../objects/cluster.ts';
import type { Pod } from '../objects/pod.ts';
import type { ObjectOf, ResourceName } from '../resources.ts';
import { addObjectMeta, hostPort, META, type MetaLabels } from './meta-labels.ts';
import { containerLabels, nodeLabels, podContainers, podLabels } from './pod-labels.ts';

/** Objects that say more about a target than its own does; undefined where they are not known. */
export interface KubernetesSurroundings {
  node(name: string): Node | undefined;
  namespace(name: string): Namespace | undefined;
  pod(namespace: string, name: string): Pod | undefined;
  service(namespace: string, name: string): Service | undefined;
}

/** The resource whose objects are the groups of a role. */
export const ROLE_RESOURCES = {
  node: 'nodes',
  pod: 'pods',
  service: 'services',
  endpoints: 'endpoints',
  endpointslice: 'endpointslices',
  ingress: 'ingresses',
} as const satisfies Record<KubernetesRole, ResourceName>;

/** The resources that targets by a `kubernetes_sd_configs` are looked for in, the role's own first. */
export function discoveredResources({
  role,
  attachesNode,
  attachesNamespace,
}: Pick<KubernetesDiscovery, 'role' | 'attachesNode' | 'attachesNamespace'>): ResourceName[] {
  const names: ResourceName[] = [ROLE_RESOURCES[role]];
  if (role === 'endpoints' || role === 'endpointslice') names.push('services', 'pods');
  if (attachesNode && role !== 'node') names.push('nodes');
  if (attachesNamespace && role !== 'node') names.push('namespaces');
  return names;
}

/** Where a node is spoken to, the best first. */
const NODE_ADDRESSES = [
  'InternalIP',
  'InternalDNS',
  'ExternalIP',
  'ExternalDNS',
  'LegacyHostIP',
  'Hostname',
];

/** The label that says which service an EndpointSlice belongs to. */
const SERVICE_NAME = 'kubernetes.io/service-name';

/**
 * The group of targets that one object comes to, with Prometheus's `__meta_kubernetes_*` labels; a group may be empty.
 * @param object of the role's resource
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#kubernetes_sd_config
 */
export function kubernetesTargets(
  role: KubernetesRole,
  object: KubeObject,
  around: KubernetesSurroundings,
): TargetGroup {
  const { namespace, name } = object.metadata;
  const { targets, labels } = TARGETS[role](object, around);
  const common: MetaLabels =
    namespace === '' ? labels : { [`${META}namespace`]: namespace, ...labels };
  const own = around.namespace(namespace);
  if (own !== undefined) addObjectMeta(common, 'namespace', own.metadata);
  return {
    source: `${role}/${namespace === '' ? '' : `${namespace}/`}${name}`,
    targets: targets.map((target) => Labels.fromRecord(target)),
    labels: Labels.fromRecord(common),
  };
}

interface Group {
  readonly targets: MetaLabels[];
  readonly labels: MetaLabels;
}

type Build = (object: KubeObject, around: KubernetesSurroundings) => Group;

const TABLE = {
  node: ofNode,
  pod: ofPod,
  service: ofService,
  endpoints: ofEndpoints,
  endpointslice: ofEndpointSlice,
  ingress: ofIngress,
} satisfies {
  readonly [R in KubernetesRole]: (
    object: ObjectOf<(typeof ROLE_RESOURCES)[R]>,
    around: KubernetesSurroundings,
  ) => Group;
};

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each is handed objects of its role's resource only
const TARGETS = TABLE as unknown as Readonly<Record<KubernetesRole, Build>>;

function ofNode(node: Node): Group {
  const labels = nodeLabels(node);
  const { addresses, daemonEndpoints } = node.status;
  for (const { type, address } of addresses) {
    labels[`${META}node_address_${type}`] ??= address;
  }
  const best = NODE_ADDRESSES.map((type) => addresses.find((entry) => entry.type === type));
  const address = best.find((entry) => entry !== undefined)?.address;
  if (address === undefined) return { targets: [], labels };
  const port = daemonEndpoints.kubeletEndpoint.Port || 10_250;
  const target = { __address__: hostPort(address, port), instance: node.metadata.name };
  return { targets: [target], labels };
}

function ofPod(pod: Pod, around: KubernetesSurroundings): Group {
  const labels = podLabels(pod);
  const node = around.node(pod.spec.nodeName);
  if (node !== undefined) Object.assign(labels, nodeLabels(node));
  const { podIP } = pod.status;
  const targets: MetaLabels[] = [];
  // Without an address there is nothing to speak to yet.
  for (const entry of podIP === '' ? [] : podContainers(pod)) {
    const { ports } = entry.container;
    if (ports.length === 0) {
      const address = podIP.includes(':') ? `[${podIP}]` : podIP;
      targets.push({ __address__: address, ...containerLabels(pod, entry, null) });
    }
    for (const port of ports) {
      const address = hostPort(podIP, port.containerPort);
      targets.push({ __address__: address, ...containerLabels(pod, entry, port) });
    }
  }
  return { targets, labels };
}

function serviceLabels({ metadata }: Service): MetaLabels {
  const labels: MetaLabels = { [`${META}service_name`]: metadata.name };
  addObjectMeta(labels, 'service', metadata);
  return labels;
}

function ofService(service: Service): Group {
  const { metadata, spec } = service;
  const host = `${metadata.name}.${metadata.namespace}.svc`;
  const labels = serviceLabels(service);
  labels[`${META}service_type`] = spec.type;
  if (spec.type === 'ExternalName') labels[`${META}service_external_name`] = spec.externalName;
  else labels[`${META}service_cluster_ip`] = spec.clusterIP;
  if (spec.type === 'LoadBalancer') {
    labels[`${META}service_loadbalancer_ip`] = spec.loadBalancerIP;
  }
  const targets = spec.ports.map(({ name, port, protocol }): MetaLabels => ({
    __address__: hostPort(host, port),
    [`${META}service_port_name`]: name,
    [`${META}service_port_number`]: String(port),
    [`${META}service_port_protocol`]: protocol,
  }));
  return { targets, labels };
}

/** One address and port of a service, before it is known which container answers there. */
interface Endpoint {
  readonly address: string;
  readonly port: number | null;
  readonly labels: MetaLabels;
  readonly target: ObjectOf<'endpointslices'>['endpoints'][number]['targetRef'];
  readonly nodeName: string;
}

function ofEndpoints(object: ObjectOf<'endpoints'>, around: KubernetesSurroundings): Group {
  const { metadata, subsets } = object;
  const labels: MetaLabels = { [`${META}endpoints_name`]: metadata.name };
  addObjectMeta(labels, 'endpoints', metadata);
  const service = around.service(metadata.namespace, metadata.name);
  if (service !== undefined) Object.assign(labels, serviceLabels(service));
  const endpoints: Endpoint[] = [];
  for (const { addresses, notReadyAddresses, ports } of subsets) {
    for (const port of ports) {
      for (const [list, isReady] of [
        [addresses, true],
        [notReadyAddresses, false],
      ] as const) {
        for (const { ip, hostname, nodeName, targetRef } of list) {
          endpoints.push({
            address: ip,
            port: port.port,
            nodeName,
            target: targetRef,
            labels: {
              [`${META}endpoint_port_name`]: port.name,
              [`${META}endpoint_port_protocol`]: port.protocol,
              [`${META}endpoint_ready`]: String(isReady),
              [`${META}endpoint_node_name`]: nodeName,
              [`${META}endpoint_hostname`]: hostname,
              [`${META}endpoint_address_target_kind`]: targetRef?.kind ?? '',
              [`${META}endpoint_address_target_name`]: targetRef?.name ?? '',
            },
          });
        }
      }
    }
  }
  return { targets: withPods(endpoints, metadata.namespace, around), labels };
}

function ofEndpointSlice(slice: ObjectOf<'endpointslices'>, around: KubernetesSurroundings): Group {
  const { metadata } = slice;
  const labels: MetaLabels = {
    [`${META}endpointslice_name`]: metadata.name,
    [`${META}endpointslice_address_type`]: slice.addressType,
  };
  addObjectMeta(labels, 'endpointslice', metadata);
  const service = around.service(metadata.namespace, metadata.labels.get(SERVICE_NAME) ?? '');
  if (service !== undefined) Object.assign(labels, serviceLabels(service));
  const prefix = `${META}endpointslice`;
  const endpoints: Endpoint[] = [];
  for (const port of slice.ports) {
    for (const { addresses, conditions, hostname, nodeName, zone, targetRef } of slice.endpoints) {
      for (const address of addresses) {
        endpoints.push({
          address,
          port: port.port,
          nodeName,
          target: targetRef,
          labels: {
            [`${prefix}_port_name`]: port.name,
            [`${prefix}_port_protocol`]: port.protocol,
            [`${prefix}_port`]: port.port?.toString() ?? '',
            [`${prefix}_port_app_protocol`]: port.appProtocol,
            [`${prefix}_endpoint_conditions_ready`]: conditions.ready?.toString() ?? '',
            [`${prefix}_endpoint_conditions_serving`]: conditions.serving?.toString() ?? '',
            [`${prefix}_endpoint_conditions_terminating`]: conditions.terminating?.toString() ?? '',
            [`${prefix}_endpoint_hostname`]: hostname,
            [`${prefix}_endpoint_node_name`]: nodeName,
            [`${prefix}_endpoint_zone`]: zone,
            [`${prefix}_address_target_kind`]: targetRef?.kind ?? '',
            [`${prefix}_address_target_name`]: targetRef?.name ?? '',
          },
        });
      }
    }
  }
  return { targets: withPods(endpoints, metadata.namespace, around), labels };
}

/** Endpoints with what is known of the pods behind them, and those pods' further ports. */
function withPods(
  endpoints: readonly Endpoint[],
  namespace: string,
  around: KubernetesSurroundings,
): MetaLabels[] {
  const targets: MetaLabels[] = [];
  const seen = new Map<Pod, { readonly ports: Set<number>; readonly endpoint: Endpoint }>();
  for (const endpoint of endpoints) {
    const { address, port, target, nodeName } = endpoint;
    const labels: MetaLabels = {
      __address__: port === null ? address : hostPort(address, port),
      ...endpoint.labels,
    };
    const node = around.node(nodeName);
    if (node !== undefined) Object.assign(labels, nodeLabels(node));
    targets.push(labels);
    if (target?.kind !== 'Pod') continue;
    const pod = around.pod(target.namespace === '' ? namespace : target.namespace, target.name);
    if (pod === undefined) continue;
    Object.assign(labels, podLabels(pod));
    const entry = seen.get(pod) ?? { ports: new Set(), endpoint };
    seen.set(pod, entry);
    for (const container of podContainers(pod)) {
      const own = container.container.ports.find(({ containerPort }) => containerPort === port);
      if (own === undefined) continue;
      entry.ports.add(own.containerPort);
      Object.assign(labels, containerLabels(pod, container, own));
    }
  }
  for (const [pod, { ports }] of seen) {
    for (const container of podContainers(pod)) {
      for (const port of container.container.ports) {
        if (ports.has(port.containerPort) || pod.status.podIP === '') continue;
        targets.push({
          __address__: hostPort(pod.status.podIP, port.containerPort),
          ...podLabels(pod),
          ...containerLabels(pod, container, port),
        });
      }
    }
  }
  return targets;
}

function ofIngress({ metadata, spec }: Ingress): Group {
  const labels: MetaLabels = {
    [`${META}ingress_name`]: metadata.name,
    [`${META}ingress_class_name`]: spec.ingressClassName,
  };
  addObjectMeta(labels, 'ingress', metadata);
  const secure = spec.tls.flatMap(({ hosts }) => hosts);
  const targets = spec.rules.flatMap(({ host, http }) => {
    const isSecure = secure.some((pattern) => matchesHost(pattern, host));
    const paths = http?.paths.map(({ path }) => (path === '' ? '/' : path)) ?? ['/'];
    return paths.map((path): MetaLabels => ({
      __address__: host,
      [`${META}ingress_scheme`]: isSecure ? 'https' : 'http',
      [`${META}ingress_host`]: host,
      [`${META}ingress_path`]: path,
    }));
  });
  return { targets, labels };
}

/** `*.example.com` is any name one level below. */
function matchesHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  const dot = host.indexOf('.');
  return pattern.startsWith('*.') && dot !== -1 && host.slice(dot) === pattern.slice(1);
}
