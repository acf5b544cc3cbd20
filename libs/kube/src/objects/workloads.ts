import {
  type Decoded,
  flag,
  integer,
  integerOrText,
  listOf,
  optional,
  shape,
  text,
  time,
} from '../decode.ts';
import { condition, metadata } from './metadata.ts';

/** `apps/v1` Deployment. */
export const deployment = shape({
  metadata,
  spec: shape({
    replicas: optional(integer),
    paused: flag,
    strategy: shape({
      rollingUpdate: optional(shape({ maxSurge: integerOrText, maxUnavailable: integerOrText })),
    }),
  }),
  status: shape({
    observedGeneration: integer,
    replicas: integer,
    readyReplicas: integer,
    availableReplicas: integer,
    unavailableReplicas: integer,
    updatedReplicas: integer,
    conditions: listOf(condition),
  }),
});

/** `apps/v1` ReplicaSet. */
export const replicaSet = shape({
  metadata,
  spec: shape({ replicas: optional(integer) }),
  status: shape({
    observedGeneration: integer,
    replicas: integer,
    readyReplicas: integer,
    fullyLabeledReplicas: integer,
  }),
});

/** `apps/v1` StatefulSet. */
export const statefulSet = shape({
  metadata,
  spec: shape({
    replicas: optional(integer),
    ordinals: optional(shape({ start: integer })),
    persistentVolumeClaimRetentionPolicy: optional(shape({ whenDeleted: text, whenScaled: text })),
  }),
  status: shape({
    observedGeneration: integer,
    replicas: integer,
    readyReplicas: integer,
    availableReplicas: integer,
    currentReplicas: integer,
    updatedReplicas: integer,
    currentRevision: text,
    updateRevision: text,
  }),
});

/** `apps/v1` DaemonSet. */
export const daemonSet = shape({
  metadata,
  status: shape({
    observedGeneration: integer,
    currentNumberScheduled: integer,
    desiredNumberScheduled: integer,
    numberAvailable: integer,
    numberMisscheduled: integer,
    numberReady: integer,
    numberUnavailable: integer,
    updatedNumberScheduled: integer,
  }),
});

/** `batch/v1` Job. */
export const job = shape({
  metadata,
  spec: shape({
    parallelism: optional(integer),
    completions: optional(integer),
    activeDeadlineSeconds: optional(integer),
    suspend: optional(flag),
  }),
  status: shape({
    active: integer,
    ready: integer,
    succeeded: integer,
    failed: integer,
    startTime: time,
    completionTime: time,
    conditions: listOf(condition),
  }),
});

/** `batch/v1` CronJob. */
export const cronJob = shape({
  metadata,
  spec: shape({
    schedule: text,
    timeZone: optional(text),
    concurrencyPolicy: text,
    suspend: optional(flag),
    startingDeadlineSeconds: optional(integer),
    successfulJobsHistoryLimit: optional(integer),
    failedJobsHistoryLimit: optional(integer),
  }),
  status: shape({
    active: listOf(shape({})),
    lastScheduleTime: time,
    lastSuccessfulTime: time,
  }),
});

const metricTarget = shape({
  value: optional(integerOrText),
  averageValue: optional(integerOrText),
  averageUtilization: optional(integer),
});
const metricName = shape({ name: text });
const resourceMetric = { name: text, container: text, target: metricTarget, current: metricTarget };
const namedMetric = { metric: metricName, target: metricTarget, current: metricTarget };

const hpaMetric = shape({
  type: text,
  resource: shape(resourceMetric),
  containerResource: shape(resourceMetric),
  pods: shape(namedMetric),
  object: shape(namedMetric),
  external: shape(namedMetric),
});

/** `autoscaling/v2` HorizontalPodAutoscaler. */
export const horizontalPodAutoscaler = shape({
  metadata,
  spec: shape({
    minReplicas: optional(integer),
    maxReplicas: integer,
    scaleTargetRef: shape({ apiVersion: text, kind: text, name: text }),
    metrics: listOf(hpaMetric),
  }),
  status: shape({
    currentReplicas: integer,
    desiredReplicas: integer,
    currentMetrics: listOf(hpaMetric),
    conditions: listOf(condition),
  }),
});

/** `policy/v1` PodDisruptionBudget. */
export const podDisruptionBudget = shape({
  metadata,
  status: shape({
    observedGeneration: integer,
    currentHealthy: integer,
    desiredHealthy: integer,
    disruptionsAllowed: integer,
    expectedPods: integer,
  }),
});

export type Deployment = Decoded<typeof deployment>;
export type ReplicaSet = Decoded<typeof replicaSet>;
export type StatefulSet = Decoded<typeof statefulSet>;
export type DaemonSet = Decoded<typeof daemonSet>;
export type Job = Decoded<typeof job>;
export type CronJob = Decoded<typeof cronJob>;
export type HorizontalPodAutoscaler = Decoded<typeof horizontalPodAutoscaler>;
export type HpaMetric = Decoded<typeof hpaMetric>;
export type PodDisruptionBudget = Decoded<typeof podDisruptionBudget>;
