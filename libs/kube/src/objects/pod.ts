import {
  type Decode,
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
import { shared, word } from '../shared.ts';
import { metadata } from './metadata.ts';

/** What somebody wrote for people: the beginning says it, and thousands are kept. */
const MAX_MESSAGE_LENGTH = 500;
const shortText: Decode<string> = (value) => {
  const whole = text(value);
  // A slice alone would keep the whole.
  return whole.length > MAX_MESSAGE_LENGTH
    ? Buffer.from(whole.slice(0, MAX_MESSAGE_LENGTH)).toString()
    : word(whole);
};

const podCondition = shape({
  type: word,
  status: word,
  reason: word,
  message: shortText,
  lastTransitionTime: time,
});

const containerPort = shape({ name: text, containerPort: integer, protocol: text });

const declaredProbe = optional(
  shape({
    httpGet: optional(
      shape({
        path: text,
        port: integerOrText,
        host: text,
        scheme: text,
        httpHeaders: listOf(shape({ name: text, value: text })),
      }),
    ),
    tcpSocket: optional(shape({ port: integerOrText, host: text })),
    grpc: optional(shape({ port: integer, service: text })),
    exec: optional(shape({})),
    initialDelaySeconds: integer,
    timeoutSeconds: integer,
    periodSeconds: integer,
    successThreshold: integer,
    failureThreshold: integer,
  }),
);

const container = shape({
  name: text,
  image: text,
  restartPolicy: text,
  ports: listOf(containerPort),
  livenessProbe: declaredProbe,
  readinessProbe: declaredProbe,
  startupProbe: declaredProbe,
  resources: shape({ requests: mapOf(integerOrText), limits: mapOf(integerOrText) }),
});

const containerState = shape({
  waiting: optional(shape({ reason: word, message: shortText })),
  running: optional(shape({ startedAt: time })),
  terminated: optional(
    shape({
      reason: word,
      message: shortText,
      exitCode: integer,
      startedAt: time,
      finishedAt: time,
    }),
  ),
});

const containerStatus = shape({
  name: word,
  image: word,
  imageID: word,
  containerID: text,
  ready: flag,
  started: optional(flag),
  restartCount: integer,
  state: containerState,
  // Mostly that there was none.
  lastState: shared(containerState),
});

const volume = shape({
  name: text,
  persistentVolumeClaim: optional(shape({ claimName: text, readOnly: flag })),
  ephemeral: optional(shape({})),
});

const everyVolume = listOf(volume);

/** Those that stand for a claim; each pod has others, for its token and its configuration, that nobody asks about. */
const claimedVolumes: Decode<readonly Decoded<typeof volume>[]> = (value) => {
  const claimed = everyVolume(value).filter(
    ({ persistentVolumeClaim, ephemeral }) => persistentVolumeClaim !== null || ephemeral !== null,
  );
  return claimed.length === 0 ? NO_VOLUMES : claimed;
};

const NO_VOLUMES: readonly never[] = Object.freeze([]);

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
    nodeName: word,
    hostNetwork: flag,
    priorityClassName: word,
    restartPolicy: word,
    runtimeClassName: word,
    schedulerName: word,
    serviceAccountName: word,
    nodeSelector: shared(mapOf(text)),
    overhead: shared(mapOf(integerOrText)),
    containers: shared(listOf(container)),
    initContainers: shared(listOf(container)),
    volumes: claimedVolumes,
    tolerations: shared(listOf(toleration)),
  }),
  status: shape({
    phase: word,
    reason: word,
    qosClass: word,
    hostIP: word,
    podIP: text,
    podIPs: listOf(shape({ ip: text })),
    startTime: time,
    conditions: listOf(podCondition),
    containerStatuses: listOf(containerStatus),
    initContainerStatuses: listOf(containerStatus),
  }),
});

export type Pod = Decoded<typeof pod>;
export type DeclaredProbeSpec = NonNullable<Decoded<typeof declaredProbe>>;
export type Container = Decoded<typeof container>;
export type ContainerStatus = Decoded<typeof containerStatus>;
