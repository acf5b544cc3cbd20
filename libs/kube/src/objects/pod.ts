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

const containerPort = shape({ name: text, containerPort: integer, protocol: text });

const container = shape({
  name: text,
  image: text,
  restartPolicy: text,
  ports: listOf(containerPort),
  resources: shape({ requests: mapOf(integerOrText), limits: mapOf(integerOrText) }),
});

const containerState = shape({
  waiting: optional(shape({ reason: text })),
  running: optional(shape({ startedAt: time })),
  terminated: optional(
    shape({ reason: text, exitCode: integer, startedAt: time, finishedAt: time }),
  ),
});

const containerStatus = shape({
  name: text,
  image: text,
  imageID: text,
  containerID: text,
  ready: flag,
  restartCount: integer,
  state: containerState,
  lastState: containerState,
});

const volume = shape({
  name: text,
  persistentVolumeClaim: optional(shape({ claimName: text, readOnly: flag })),
  ephemeral: optional(shape({})),
});

const toleration = shape({
  key: text,
  operator: text,
  value: text,
  effect: text,
  tolerationSeconds: optional(integer),
});

/** `v1` Pod. */
export const pod = shape({
  metadata,
  spec: shape({
    nodeName: text,
    hostNetwork: flag,
    priorityClassName: text,
    restartPolicy: text,
    runtimeClassName: text,
    schedulerName: text,
    serviceAccountName: text,
    nodeSelector: mapOf(text),
    overhead: mapOf(integerOrText),
    containers: listOf(container),
    initContainers: listOf(container),
    volumes: listOf(volume),
    tolerations: listOf(toleration),
  }),
  status: shape({
    phase: text,
    reason: text,
    qosClass: text,
    hostIP: text,
    podIP: text,
    podIPs: listOf(shape({ ip: text })),
    startTime: time,
    conditions: listOf(condition),
    containerStatuses: listOf(containerStatus),
    initContainerStatuses: listOf(containerStatus),
  }),
});

export type Pod = Decoded<typeof pod>;
export type Container = Decoded<typeof container>;
export type ContainerStatus = Decoded<typeof containerStatus>;
