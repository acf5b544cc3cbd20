import type {
  EndpointSlice,
  Ingress,
  Lease,
  Namespace,
  Node,
  ResourceQuota,
  Service,
} from '../objects/cluster.ts';
import { parseQuantity } from '../quantity.ts';
import { addResources } from './resources.ts';
import type { StateWriter } from './state-writer.ts';

const ROLE_LABEL = 'node-role.kubernetes.io/';

/** kube-state-metrics' series of a node. */
export function addNodeState(writer: StateWriter, { metadata, spec, status }: Node): void {
  const info = status.nodeInfo;
  writer.addTime('kube_node_created', metadata.creationTimestamp);
  writer.addTime('kube_node_deletion_timestamp', metadata.deletionTimestamp);
  writer.add(
    'kube_node_info',
    1,
    ['kernel_version', info.kernelVersion],
    ['os_image', info.osImage],
    ['container_runtime_version', info.containerRuntimeVersion],
    ['kubelet_version', info.kubeletVersion],
    ['kubeproxy_version', 'deprecated'],
    ['provider_id', spec.providerID],
    ['pod_cidr', spec.podCIDR],
    ['system_uuid', info.systemUUID],
    ['internal_ip', status.addresses.find(({ type }) => type === 'InternalIP')?.address ?? ''],
  );
  for (const label of metadata.labels.keys()) {
    if (!label.startsWith(ROLE_LABEL)) continue;
    writer.add('kube_node_role', 1, ['role', label.slice(ROLE_LABEL.length)]);
  }
  for (const range of spec.podCIDRs) {
    writer.add('kube_node_spec_pod_cidrs', 1, ['pod_cidr', range]);
  }
  for (const { key, value, effect } of spec.taints) {
    writer.add('kube_node_spec_taint', 1, ['key', key], ['value', value], ['effect', effect]);
  }
  writer.add('kube_node_spec_unschedulable', spec.unschedulable ? 1 : 0);
  addResources(writer, 'kube_node_status_allocatable', status.allocatable);
  addResources(writer, 'kube_node_status_capacity', status.capacity);
  writer.addConditions('kube_node_status_condition', status.conditions);
  for (const { type, address } of status.addresses) {
    writer.add('kube_node_status_addresses', 1, ['type', type], ['address', address]);
  }
}

/** kube-state-metrics' series of a namespace. */
export function addNamespaceState(writer: StateWriter, { metadata, status }: Namespace): void {
  writer.addTime('kube_namespace_created', metadata.creationTimestamp);
  for (const phase of ['Active', 'Terminating']) {
    writer.add('kube_namespace_status_phase', status.phase === phase ? 1 : 0, ['phase', phase]);
  }
  writer.addConditions('kube_namespace_status_condition', status.conditions);
}

/** kube-state-metrics' series of a resource quota. */
export function addResourceQuotaState(writer: StateWriter, quota: ResourceQuota): void {
  writer.addTime('kube_resourcequota_created', quota.metadata.creationTimestamp);
  for (const type of ['hard', 'used'] as const) {
    for (const [resource, quantity] of quota.status[type]) {
      const labels = [
        ['resource', resource],
        ['type', type],
      ] as const;
      writer.add('kube_resourcequota', parseQuantity(quantity), ...labels);
    }
  }
}

/** kube-state-metrics' series of a lease. */
export function addLeaseState(writer: StateWriter, { metadata, spec }: Lease): void {
  const { namespace, ownerReferences: owners } = metadata;
  const holder = ['lease_holder', spec.holderIdentity] as const;
  if (owners.length === 0) writer.add('kube_lease_owner', 1, ['namespace', namespace], holder);
  for (const { kind, name } of owners) {
    writer.add(
      'kube_lease_owner',
      1,
      ['namespace', namespace],
      ['owner_kind', kind],
      ['owner_name', name],
      holder,
    );
  }
  writer.addTime('kube_lease_renew_time', spec.renewTime, ['namespace', namespace]);
}

/** kube-state-metrics' series of a service. */
export function addServiceState(writer: StateWriter, { metadata, spec, status }: Service): void {
  writer.add(
    'kube_service_info',
    1,
    ['cluster_ip', spec.clusterIP],
    ['external_name', spec.externalName],
    ['load_balancer_ip', spec.loadBalancerIP],
    ['external_traffic_policy', spec.externalTrafficPolicy],
  );
  writer.addTime('kube_service_created', metadata.creationTimestamp);
  writer.addTime('kube_service_deletion_timestamp', metadata.deletionTimestamp);
  writer.add('kube_service_spec_type', 1, ['type', spec.type]);
  for (const address of spec.externalIPs) {
    writer.add('kube_service_spec_external_ip', 1, ['external_ip', address]);
  }
  for (const { ip, hostname } of status.loadBalancer.ingress) {
    writer.add('kube_service_status_load_balancer_ingress', 1, ['ip', ip], ['hostname', hostname]);
  }
}

/** kube-state-metrics' series of an EndpointSlice. */
export function addEndpointSliceState(writer: StateWriter, slice: EndpointSlice): void {
  writer.add('kube_endpointslice_info', 1, ['addresstype', slice.addressType]);
  writer.addTime('kube_endpointslice_created', slice.metadata.creationTimestamp);
  for (const endpoint of slice.endpoints) {
    const { ready, serving, terminating } = endpoint.conditions;
    for (const address of endpoint.addresses) {
      writer.add(
        'kube_endpointslice_endpoints',
        1,
        ['ready', ready?.toString() ?? ''],
        ['serving', serving?.toString() ?? ''],
        ['hostname', endpoint.hostname],
        ['terminating', terminating?.toString() ?? ''],
        ['targetref_kind', endpoint.targetRef?.kind ?? ''],
        ['targetref_name', endpoint.targetRef?.name ?? ''],
        ['targetref_namespace', endpoint.targetRef?.namespace ?? ''],
        ['endpoint_nodename', endpoint.nodeName],
        ['endpoint_zone', endpoint.zone],
        ['address', address],
      );
    }
  }
  for (const { name, protocol, port } of slice.ports) {
    writer.add(
      'kube_endpointslice_ports',
      1,
      ['port_name', name],
      ['port_protocol', protocol],
      ['port_number', port?.toString() ?? ''],
    );
  }
}

/** kube-state-metrics' series of an ingress. */
export function addIngressState(writer: StateWriter, { metadata, spec }: Ingress): void {
  writer.add('kube_ingress_info', 1, ['ingressclass', spec.ingressClassName]);
  writer.addTime('kube_ingress_created', metadata.creationTimestamp);
  writer.add('kube_ingress_metadata_resource_version', Number(metadata.resourceVersion));
  for (const { host, http } of spec.rules) {
    for (const { path, pathType, backend } of http?.paths ?? []) {
      const labels = [
        ['host', host],
        ['path', path],
        ['path_type', pathType],
      ] as const;
      if (backend.service !== null) {
        writer.add(
          'kube_ingress_path',
          1,
          ...labels,
          ['service_name', backend.service.name],
          ['service_port', String(backend.service.port.number)],
        );
      } else if (backend.resource !== null) {
        writer.add(
          'kube_ingress_path',
          1,
          ...labels,
          ['resource_api_group', backend.resource.apiGroup],
          ['resource_kind', backend.resource.kind],
          ['resource_name', backend.resource.name],
        );
      }
    }
  }
  for (const { hosts, secretName } of spec.tls) {
    for (const host of hosts) {
      writer.add('kube_ingress_tls', 1, ['tls_host', host], ['secret', secretName]);
    }
  }
}
