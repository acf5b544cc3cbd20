/** What runs a pod, as its owner would be named in a manifest. */
export interface Workload {
  /** Empty where it is not known. */
  readonly name: string;
  /** `Deployment`, `StatefulSet`, …; `Pod` for one that nobody owns. */
  readonly kind: string;
}

interface OwnedPod {
  readonly metadata: {
    readonly name: string;
    readonly labels: ReadonlyMap<string, string>;
    readonly ownerReferences: readonly {
      readonly kind: string;
      readonly name: string;
      readonly controller: boolean | null;
    }[];
  };
}

/** The jobs of a CronJob are named after it and the minute they were due, counted since the epoch. */
const JOB_OF_CRON_JOB = /^(.+)-[0-9]{8}$/;

/**
 * The workload of a pod, from the pod alone: what makes ReplicaSets and Jobs gives them names by which it can be told,
 * so nobody has to ask the API server for them.
 */
export function workloadOf({ metadata }: OwnedPod): Workload {
  const owner = metadata.ownerReferences.find(({ controller }) => controller === true);
  // A static pod is owned by its node.
  if (owner === undefined || owner.kind === 'Node') return { name: metadata.name, kind: 'Pod' };
  const { kind, name } = owner;
  if (kind === 'ReplicaSet') {
    const hash = metadata.labels.get('pod-template-hash') ?? '';
    if (hash !== '' && name.length > hash.length + 1 && name.endsWith(`-${hash}`)) {
      return { name: name.slice(0, -hash.length - 1), kind: 'Deployment' };
    }
  }
  if (kind === 'Job') {
    const cronJob = JOB_OF_CRON_JOB.exec(name)?.[1];
    if (cronJob !== undefined) return { name: cronJob, kind: 'CronJob' };
  }
  return { name, kind };
}
