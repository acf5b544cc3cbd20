import { describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../resources.ts';
import { kubernetesTargets, type KubernetesSurroundings } from './kubernetes-targets.ts';

const NOBODY: KubernetesSurroundings = {
  node: () => undefined,
  namespace: () => undefined,
  pod: () => undefined,
  service: () => undefined,
};

const pod = RESOURCES.pods.decode({
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    uid: 'u1',
    labels: { 'app.kubernetes.io/name': 'web' },
    annotations: { 'prometheus.io/port': '8080' },
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web', controller: true }],
  },
  spec: {
    nodeName: 'n1',
    containers: [
      { name: 'app', image: 'web:1', ports: [{ name: 'http', containerPort: 8080 }] },
      { name: 'side', image: 'side:1' },
    ],
  },
  status: {
    podIP: '10.0.0.7',
    hostIP: '10.1.0.1',
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ name: 'app', containerID: 'containerd://1' }],
  },
});

const meta = (labels: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name.replace('__meta_kubernetes_', ''), value]),
  );
const addresses = (group: ReturnType<typeof kubernetesTargets>) =>
  group.targets.map((labels) => labels.get('__address__'));

describe('targets of Kubernetes', () => {
  it('are the ports of a pod’s containers, and the pod where a container has none', () => {
    const group = kubernetesTargets('pod', pod, NOBODY);
    expect(group.source).toBe('pod/shop/web-1');
    expect(addresses(group)).toEqual(['10.0.0.7:8080', '10.0.0.7']);
    expect(meta(group.labels.toRecord())).toEqual({
      namespace: 'shop',
      pod_name: 'web-1',
      pod_uid: 'u1',
      pod_ip: '10.0.0.7',
      pod_host_ip: '10.1.0.1',
      pod_node_name: 'n1',
      pod_phase: 'Running',
      pod_ready: 'true',
      pod_controller_kind: 'ReplicaSet',
      pod_controller_name: 'web',
      pod_label_app_kubernetes_io_name: 'web',
      pod_labelpresent_app_kubernetes_io_name: 'true',
      pod_annotation_prometheus_io_port: '8080',
      pod_annotationpresent_prometheus_io_port: 'true',
    });
    expect(meta(group.targets[0]!.toRecord())).toEqual({
      __address__: '10.0.0.7:8080',
      pod_container_name: 'app',
      pod_container_image: 'web:1',
      pod_container_id: 'containerd://1',
      pod_container_init: 'false',
      pod_container_port_name: 'http',
      pod_container_port_number: '8080',
      pod_container_port_protocol: 'TCP',
    });
  });

  it('are none while a pod has no address', () => {
    const waiting = RESOURCES.pods.decode({ metadata: { name: 'w' }, spec: { containers: [{}] } });
    expect(kubernetesTargets('pod', waiting, NOBODY).targets).toEqual([]);
  });

  it('are a node’s kubelet, by the best address', () => {
    const node = RESOURCES.nodes.decode({
      metadata: { name: 'n1', labels: { zone: 'a' } },
      spec: { providerID: 'kind://n1' },
      status: {
        addresses: [
          { type: 'Hostname', address: 'n1' },
          { type: 'InternalIP', address: 'fd00::1' },
        ],
        daemonEndpoints: { kubeletEndpoint: { Port: 10_251 } },
      },
    });
    const group = kubernetesTargets('node', node, NOBODY);
    expect(addresses(group)).toEqual(['[fd00::1]:10251']);
    expect(group.targets[0]!.get('instance')).toBe('n1');
    expect(meta(group.labels.toRecord())).toMatchObject({
      node_name: 'n1',
      node_provider_id: 'kind://n1',
      node_label_zone: 'a',
      node_address_InternalIP: 'fd00::1',
    });
  });

  it('are the ports of a service', () => {
    const service = RESOURCES.services.decode({
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        type: 'ClusterIP',
        clusterIP: '10.96.0.1',
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      },
    });
    const group = kubernetesTargets('service', service, NOBODY);
    expect(meta(group.targets[0]!.toRecord())).toEqual({
      __address__: 'web.shop.svc:80',
      service_port_name: 'http',
      service_port_number: '80',
      service_port_protocol: 'TCP',
    });
    expect(meta(group.labels.toRecord())).toEqual({
      namespace: 'shop',
      service_name: 'web',
      service_cluster_ip: '10.96.0.1',
      service_type: 'ClusterIP',
    });
  });

  it.each([
    [
      'endpointslice',
      RESOURCES.endpointslices.decode({
        metadata: {
          name: 'web-x',
          namespace: 'shop',
          labels: { 'kubernetes.io/service-name': 'web' },
        },
        addressType: 'IPv4',
        endpoints: [
          {
            addresses: ['10.0.0.7'],
            conditions: { ready: true },
            nodeName: 'n1',
            targetRef: { kind: 'Pod', name: 'web-1', namespace: 'shop' },
          },
        ],
        ports: [{ name: 'metrics', port: 9100, protocol: 'TCP' }],
      }),
      'endpointslice_endpoint_conditions_ready',
    ],
    [
      'endpoints',
      RESOURCES.endpoints.decode({
        metadata: { name: 'web', namespace: 'shop' },
        subsets: [
          {
            addresses: [
              { ip: '10.0.0.7', nodeName: 'n1', targetRef: { kind: 'Pod', name: 'web-1' } },
            ],
            ports: [{ name: 'metrics', port: 9100, protocol: 'TCP' }],
          },
        ],
      }),
      'endpoint_ready',
    ],
  ] as const)(
    'are the addresses of %s, with their pod, its other ports and the service',
    (role, object, ready) => {
      const service = RESOURCES.services.decode({
        metadata: { name: 'web', namespace: 'shop', labels: { team: 'a' } },
      });
      const group = kubernetesTargets(role, object, {
        ...NOBODY,
        pod: (namespace, name) => (`${namespace}/${name}` === 'shop/web-1' ? pod : undefined),
        service: (namespace, name) => (`${namespace}/${name}` === 'shop/web' ? service : undefined),
      });
      expect(addresses(group)).toEqual(['10.0.0.7:9100', '10.0.0.7:8080']);
      expect(meta(group.targets[0]!.toRecord())).toMatchObject({
        [ready]: 'true',
        pod_name: 'web-1',
      });
      expect(meta(group.targets[1]!.toRecord())).toMatchObject({
        pod_container_name: 'app',
        pod_container_port_name: 'http',
      });
      expect(meta(group.labels.toRecord())).toMatchObject({
        service_name: 'web',
        service_label_team: 'a',
      });
    },
  );

  it('are the hosts and paths of an ingress, secure where a certificate covers them', () => {
    const ingress = RESOURCES.ingresses.decode({
      metadata: { name: 'main', namespace: 'shop' },
      spec: {
        rules: [
          { host: 'a.example.com', http: { paths: [{ path: '/x' }, {}] } },
          { host: 'example.org' },
        ],
        tls: [{ hosts: ['*.example.com'] }],
      },
    });
    const { targets } = kubernetesTargets('ingress', ingress, NOBODY);
    expect(
      targets.map((labels) => [
        labels.get('__meta_kubernetes_ingress_scheme'),
        labels.get('__address__'),
        labels.get('__meta_kubernetes_ingress_path'),
      ]),
    ).toEqual([
      ['https', 'a.example.com', '/x'],
      ['https', 'a.example.com', '/'],
      ['http', 'example.org', '/'],
    ]);
  });

  it('carry their node and namespace where these are asked for', () => {
    const around: KubernetesSurroundings = {
      ...NOBODY,
      node: (name) => RESOURCES.nodes.decode({ metadata: { name, labels: { zone: 'a' } } }),
      namespace: (name) =>
        RESOURCES.namespaces.decode({ metadata: { name, labels: { team: 'b' } } }),
    };
    expect(meta(kubernetesTargets('pod', pod, around).labels.toRecord())).toMatchObject({
      node_name: 'n1',
      node_label_zone: 'a',
      namespace_label_team: 'b',
    });
  });
});
