import type {
  CronJob,
  DaemonSet,
  Deployment,
  HorizontalPodAutoscaler,
  HpaMetric,
  Job,
  PodDisruptionBudget,
  ReplicaSet,
  StatefulSet,
} from '../objects/workloads.ts';
import { CronSchedule, CronSyntaxError } from '../cron-schedule.ts';
import { parseQuantity } from '../quantity.ts';
import type { StateWriter } from './state-writer.ts';

/** Why a job failed, as far as the reasons have a name. */
const JOB_FAILURES = ['BackoffLimitExceeded', 'DeadlineExceeded', 'Evicted'];

/** kube-state-metrics' series of a deployment. */
export function addDeploymentState(writer: StateWriter, deployment: Deployment): void {
  const { metadata, spec, status } = deployment;
  const { rollingUpdate } = spec.strategy;
  writer.addOwners('kube_deployment_owner', metadata.ownerReferences);
  writer.addTime('kube_deployment_created', metadata.creationTimestamp);
  writer.addTime('kube_deployment_deletion_timestamp', metadata.deletionTimestamp);
  writer.add('kube_deployment_status_replicas', status.replicas);
  writer.add('kube_deployment_status_replicas_ready', status.readyReplicas);
  writer.add('kube_deployment_status_replicas_available', status.availableReplicas);
  writer.add('kube_deployment_status_replicas_unavailable', status.unavailableReplicas);
  writer.add('kube_deployment_status_replicas_updated', status.updatedReplicas);
  writer.add('kube_deployment_status_observed_generation', status.observedGeneration);
  for (const { type, status: state, reason } of status.conditions) {
    const labels = [
      ['reason', reason === '' ? 'unknown' : reason],
      ['condition', type],
    ] as const;
    writer.addStatus('kube_deployment_status_condition', state, 'status', ...labels);
  }
  writer.addOptional('kube_deployment_spec_replicas', spec.replicas);
  writer.add('kube_deployment_spec_paused', spec.paused ? 1 : 0);
  if (rollingUpdate !== null && spec.replicas !== null) {
    const prefix = 'kube_deployment_spec_strategy_rollingupdate';
    const { maxSurge, maxUnavailable } = rollingUpdate;
    writer.add(`${prefix}_max_unavailable`, share(maxUnavailable, spec.replicas, Math.floor));
    writer.add(`${prefix}_max_surge`, share(maxSurge, spec.replicas, Math.ceil));
  }
  writer.add('kube_deployment_metadata_generation', metadata.generation);
}

/** A number, or a percentage of `total`; NaN for neither. */
function share(written: string, total: number, round: (value: number) => number): number {
  const percent = /^(\d{1,3})%$/.exec(written);
  if (percent !== null) return round((Number(percent[1]) * total) / 100);
  return /^\d+$/.test(written) ? Number(written) : Number.NaN;
}

/** kube-state-metrics' series of a replica set. */
export function addReplicaSetState(writer: StateWriter, replicaSet: ReplicaSet): void {
  const { metadata, spec, status } = replicaSet;
  writer.addTime('kube_replicaset_created', metadata.creationTimestamp);
  writer.addTime('kube_replicaset_deletion_timestamp', metadata.deletionTimestamp);
  writer.add('kube_replicaset_status_replicas', status.replicas);
  writer.add('kube_replicaset_status_fully_labeled_replicas', status.fullyLabeledReplicas);
  writer.add('kube_replicaset_status_ready_replicas', status.readyReplicas);
  writer.add('kube_replicaset_status_observed_generation', status.observedGeneration);
  writer.addOptional('kube_replicaset_spec_replicas', spec.replicas);
  writer.add('kube_replicaset_metadata_generation', metadata.generation);
  writer.addOwners('kube_replicaset_owner', metadata.ownerReferences);
}

/** kube-state-metrics' series of a stateful set. */
export function addStatefulSetState(writer: StateWriter, statefulSet: StatefulSet): void {
  const { metadata, spec, status } = statefulSet;
  const policy = spec.persistentVolumeClaimRetentionPolicy;
  writer.addTime('kube_statefulset_created', metadata.creationTimestamp);
  writer.addTime('kube_statefulset_deletion_timestamp', metadata.deletionTimestamp);
  writer.add('kube_statefulset_status_replicas', status.replicas);
  writer.add('kube_statefulset_status_replicas_available', status.availableReplicas);
  writer.add('kube_statefulset_status_replicas_current', status.currentReplicas);
  writer.add('kube_statefulset_status_replicas_ready', status.readyReplicas);
  writer.add('kube_statefulset_status_replicas_updated', status.updatedReplicas);
  writer.add('kube_statefulset_status_observed_generation', status.observedGeneration);
  writer.addOptional('kube_statefulset_replicas', spec.replicas);
  writer.addOptional('kube_statefulset_ordinals_start', spec.ordinals?.start ?? null);
  writer.add('kube_statefulset_metadata_generation', metadata.generation);
  if (policy !== null) {
    writer.add(
      'kube_statefulset_persistentvolumeclaim_retention_policy',
      1,
      ['when_deleted', policy.whenDeleted],
      ['when_scaled', policy.whenScaled],
    );
  }
  const { currentRevision, updateRevision } = status;
  writer.add('kube_statefulset_status_current_revision', 1, ['revision', currentRevision]);
  writer.add('kube_statefulset_status_update_revision', 1, ['revision', updateRevision]);
}

/** kube-state-metrics' series of a daemon set. */
export function addDaemonSetState(writer: StateWriter, { metadata, status }: DaemonSet): void {
  const prefix = 'kube_daemonset_status';
  writer.addTime('kube_daemonset_created', metadata.creationTimestamp);
  writer.addTime('kube_daemonset_deletion_timestamp', metadata.deletionTimestamp);
  writer.add(`${prefix}_current_number_scheduled`, status.currentNumberScheduled);
  writer.add(`${prefix}_desired_number_scheduled`, status.desiredNumberScheduled);
  writer.add(`${prefix}_number_available`, status.numberAvailable);
  writer.add(`${prefix}_number_misscheduled`, status.numberMisscheduled);
  writer.add(`${prefix}_number_ready`, status.numberReady);
  writer.add(`${prefix}_number_unavailable`, status.numberUnavailable);
  writer.add(`${prefix}_observed_generation`, status.observedGeneration);
  writer.add(`${prefix}_updated_number_scheduled`, status.updatedNumberScheduled);
  writer.add('kube_daemonset_metadata_generation', metadata.generation);
}

/** kube-state-metrics' series of a job. */
export function addJobState(writer: StateWriter, { metadata, spec, status }: Job): void {
  writer.add('kube_job_info', 1);
  writer.addTime('kube_job_created', metadata.creationTimestamp);
  writer.addOptional('kube_job_spec_parallelism', spec.parallelism);
  writer.addOptional('kube_job_spec_completions', spec.completions);
  writer.addOptional('kube_job_spec_active_deadline_seconds', spec.activeDeadlineSeconds);
  writer.add('kube_job_status_succeeded', status.succeeded);
  const failure = status.conditions.find(({ type }) => type === 'Failed');
  if (status.failed === 0 || failure === undefined) {
    writer.add('kube_job_status_failed', status.failed);
  } else {
    for (const reason of JOB_FAILURES) {
      const holds = failure.reason === reason;
      writer.add('kube_job_status_failed', holds ? 1 : 0, ['reason', reason]);
    }
    if (!JOB_FAILURES.includes(failure.reason)) {
      writer.add('kube_job_status_failed', status.failed);
    }
  }
  writer.add('kube_job_status_active', status.active);
  writer.add('kube_job_status_ready', status.ready);
  for (const { type, status: state } of status.conditions) {
    if (type === 'Complete') writer.addStatus('kube_job_complete', state, 'condition');
    if (type === 'Failed') writer.addStatus('kube_job_failed', state, 'condition');
    if (type === 'Suspended') writer.add('kube_job_status_suspended', state === 'True' ? 1 : 0);
  }
  writer.addTime('kube_job_status_start_time', status.startTime);
  writer.addTime('kube_job_status_completion_time', status.completionTime);
  writer.addOwners('kube_job_owner', metadata.ownerReferences);
}

/** kube-state-metrics' series of a cron job. */
export function addCronJobState(writer: StateWriter, { metadata, spec, status }: CronJob): void {
  const timeZone = spec.timeZone ?? '';
  writer.add(
    'kube_cronjob_info',
    1,
    ['schedule', spec.schedule],
    ['concurrency_policy', spec.concurrencyPolicy],
    ['timezone', timeZone === '' ? 'local' : timeZone],
  );
  writer.addTime('kube_cronjob_created', metadata.creationTimestamp);
  writer.add('kube_cronjob_status_active', status.active.length);
  writer.addTime('kube_cronjob_status_last_schedule_time', status.lastScheduleTime);
  writer.addTime('kube_cronjob_status_last_successful_time', status.lastSuccessfulTime);
  writer.addOptional(
    'kube_cronjob_spec_suspend',
    spec.suspend === null ? null : Number(spec.suspend),
  );
  const deadline = spec.startingDeadlineSeconds;
  writer.addOptional('kube_cronjob_spec_starting_deadline_seconds', deadline);
  const previousMs = status.lastScheduleTime ?? metadata.creationTimestamp;
  if (spec.suspend !== true && previousMs !== null) {
    const nextMs = nextRunMs(spec.schedule, timeZone, previousMs);
    writer.addTime('kube_cronjob_next_schedule_time', nextMs);
  }
  writer.add('kube_cronjob_metadata_resource_version', Number(metadata.resourceVersion));
  const { successfulJobsHistoryLimit: successes, failedJobsHistoryLimit: failures } = spec;
  writer.addOptional('kube_cronjob_spec_successful_job_history_limit', successes);
  writer.addOptional('kube_cronjob_spec_failed_job_history_limit', failures);
}

/** @returns null for a schedule that is none: the server has let it through, and the other series are worth having */
function nextRunMs(schedule: string, timeZone: string, previousMs: number): number | null {
  try {
    return new CronSchedule(schedule, timeZone).nextMs(previousMs);
  } catch (error) {
    if (error instanceof CronSyntaxError) return null;
    throw error;
  }
}

/** kube-state-metrics' series of an autoscaler. */
export function addHorizontalPodAutoscalerState(
  writer: StateWriter,
  { metadata, spec, status }: HorizontalPodAutoscaler,
): void {
  const prefix = 'kube_horizontalpodautoscaler';
  const { scaleTargetRef: scaled } = spec;
  writer.add(
    `${prefix}_info`,
    1,
    ['scaletargetref_api_version', scaled.apiVersion],
    ['scaletargetref_kind', scaled.kind],
    ['scaletargetref_name', scaled.name],
  );
  writer.addTime(`${prefix}_created`, metadata.creationTimestamp);
  writer.addTime(`${prefix}_deletion_timestamp`, metadata.deletionTimestamp);
  writer.add(`${prefix}_metadata_generation`, metadata.generation);
  writer.add(`${prefix}_spec_max_replicas`, spec.maxReplicas);
  writer.addOptional(`${prefix}_spec_min_replicas`, spec.minReplicas);
  for (const metric of spec.metrics) addHpaMetric(writer, `${prefix}_spec`, metric, 'target');
  for (const metric of status.currentMetrics) {
    addHpaMetric(writer, `${prefix}_status`, metric, 'current');
  }
  writer.add(`${prefix}_status_current_replicas`, status.currentReplicas);
  writer.add(`${prefix}_status_desired_replicas`, status.desiredReplicas);
  writer.addConditions(`${prefix}_status_condition`, status.conditions);
}

function addHpaMetric(
  writer: StateWriter,
  prefix: string,
  metric: HpaMetric,
  side: 'target' | 'current',
): void {
  const found = hpaMetric(metric, side);
  if (found === null) return;
  const { value, averageValue, averageUtilization } = found.values;
  const add = (type: string, target: number): void => {
    writer.add(
      `${prefix}_target_metric`,
      target,
      ['metric_name', found.name],
      ['metric_target_type', type],
      ['container', found.container],
    );
  };
  if (value !== null) add('value', parseQuantity(value));
  if (averageValue !== null) add('average', parseQuantity(averageValue));
  if (averageUtilization !== null) add('utilization', averageUtilization);
}

function hpaMetric(metric: HpaMetric, side: 'target' | 'current') {
  switch (metric.type) {
    case 'Resource':
      return { name: metric.resource.name, container: '', values: metric.resource[side] };
    case 'ContainerResource': {
      const { name, container } = metric.containerResource;
      return { name, container, values: metric.containerResource[side] };
    }
    case 'Pods':
      return { name: metric.pods.metric.name, container: '', values: metric.pods[side] };
    case 'Object':
      return { name: metric.object.metric.name, container: '', values: metric.object[side] };
    case 'External':
      return { name: metric.external.metric.name, container: '', values: metric.external[side] };
    default:
      return null;
  }
}

/** kube-state-metrics' series of a disruption budget. */
export function addPodDisruptionBudgetState(
  writer: StateWriter,
  { metadata, status }: PodDisruptionBudget,
): void {
  const prefix = 'kube_poddisruptionbudget';
  writer.addTime(`${prefix}_created`, metadata.creationTimestamp);
  writer.addTime(`${prefix}_deletion_timestamp`, metadata.deletionTimestamp);
  writer.add(`${prefix}_status_current_healthy`, status.currentHealthy);
  writer.add(`${prefix}_status_desired_healthy`, status.desiredHealthy);
  writer.add(`${prefix}_status_pod_disruptions_allowed`, status.disruptionsAllowed);
  writer.add(`${prefix}_status_expected_pods`, status.expectedPods);
  writer.add(`${prefix}_status_observed_generation`, status.observedGeneration);
}
