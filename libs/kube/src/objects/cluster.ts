import {
  type Decoded,
  flag,
  integer,
  integerOrText,
  listOf,
  mapOf,
  optional,
  shape,
  text,
  time,
} from '../decode.ts';
import { condition, metadata } from './metadata.ts';
import { shared, word } from '../shared.ts';

/** `v1` Node. */
export const node = shape({
  metadata,
  spec: shape({
    podCIDR: text,
    podCIDRs: listOf(text),
    providerID: text,
    unschedulable: flag,
    taints: listOf(shape({ key: text, value: text, effect: text })),
  }),
  status: shape({
    capacity: mapOf(integerOrText),
    allocatable: mapOf(integerOrText),
    conditions: listOf(condition),
    addresses: listOf(shape({ type: text, address: text })),
    daemonEndpoints: shape({ kubeletEndpoint: shape({ Port: integer }) }),
    nodeInfo: shape({
      kernelVersion: text,
      osImage: text,
      containerRuntimeVersion: text,
      kubeletVersion: text,
      systemUUID: text,
    }),
  }),
});

/** `v1` Namespace. */
export const namespace = shape({
  metadata,
  status: shape({ phase: text, conditions: listOf(condition) }),
});

/** `v1` ResourceQuota. */
export const resourceQuota = shape({
  metadata,
  status: shape({ hard: mapOf(integerOrText), used: mapOf(integerOrText) }),
});

/** `coordination.k8s.io/v1` Lease. */
export const lease = shape({
  metadata,
  spec: shape({
    holderIdentity: text,
    leaseDurationSeconds: integer,
    leaseTransitions: integer,
    renewTime: time,
    acquireTime: time,
  }),
});

const servicePort = shape({ name: text, port: integer, protocol: text, targetPort: integerOrText });

/** `v1` Service. */
export const service = shape({
  metadata,
  spec: shape({
    type: text,
    clusterIP: text,
    externalName: text,
    loadBalancerIP: text,
    externalTrafficPolicy: text,
    externalIPs: listOf(text),
    ports: listOf(servicePort),
  }),
  status: shape({
    loadBalancer: shape({ ingress: listOf(shape({ ip: text, hostname: text })) }),
  }),
});

const targetRef = optional(shape({ kind: word, name: text, namespace: word }));

/** `discovery.k8s.io/v1` EndpointSlice. */
export const endpointSlice = shape({
  metadata,
  addressType: text,
  endpoints: listOf(
    shape({
      addresses: listOf(text),
      conditions: shared(
        shape({
          ready: optional(flag),
          serving: optional(flag),
          terminating: optional(flag),
        }),
      ),
      hostname: text,
      nodeName: word,
      zone: word,
      targetRef,
    }),
  ),
  ports: listOf(shape({ name: text, protocol: text, port: optional(integer), appProtocol: text })),
});

const endpointAddress = shape({ ip: text, hostname: text, nodeName: text, targetRef });

/** `v1` Endpoints. */
export const endpoints = shape({
  metadata,
  subsets: listOf(
    shape({
      addresses: listOf(endpointAddress),
      notReadyAddresses: listOf(endpointAddress),
      ports: listOf(shape({ name: text, port: integer, protocol: text, appProtocol: text })),
    }),
  ),
});

/** `networking.k8s.io/v1` Ingress. */
export const ingress = shape({
  metadata,
  spec: shape({
    ingressClassName: text,
    rules: listOf(
      shape({
        host: text,
        http: optional(
          shape({
            paths: listOf(
              shape({
                path: text,
                pathType: text,
                backend: shape({
                  service: optional(
                    shape({ name: text, port: shape({ name: text, number: integer }) }),
                  ),
                  resource: optional(shape({ apiGroup: text, kind: text, name: text })),
                }),
              }),
            ),
          }),
        ),
      }),
    ),
    tls: listOf(shape({ hosts: listOf(text), secretName: text })),
  }),
});

export type Node = Decoded<typeof node>;
export type Namespace = Decoded<typeof namespace>;
export type ResourceQuota = Decoded<typeof resourceQuota>;
export type Lease = Decoded<typeof lease>;
export type Service = Decoded<typeof service>;
export type EndpointSlice = Decoded<typeof endpointSlice>;
export type Ingress = Decoded<typeof ingress>;
