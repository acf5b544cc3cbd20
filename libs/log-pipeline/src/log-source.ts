import type { PodMetadata } from './pod-directory.ts';
import { type PodLogPath, readPodLogPath } from './pod-log-path.ts';

/** Whose lines a file has; texts are empty where it is not known, as everything is of a file that is no container's. */
export interface LogIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly workload: string;
}

/** What all records of a file have in common, as long as nothing about the pod changes. */
export interface LogSource {
  readonly path: string;
  /** Null for files that are no container's. */
  readonly podPath: PodLogPath | null;
  /** Null while the pod is not known. */
  readonly pod: PodMetadata | null;
  readonly identity: LogIdentity;
  /** What each record says beside message, level and stream. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Where the pod of a log file is looked up. */
export interface PodFinder {
  find(path: PodLogPath): PodMetadata | null;
}

/** What of a pod goes into records. */
export interface PodFields {
  /** Names of labels; `*` is all of them. */
  readonly labels: readonly string[];
  /** Names of annotations; `*` is all of them. */
  readonly annotations: readonly string[];
}

/** Labels or annotations of a pod that go into its records at most. */
const MAX_FIELDS = 64;
/** Longer values of annotations are configuration, not a name for something. */
const MAX_VALUE_LENGTH = 1_024;

/**
 * Everything that the records of a file have in common: what its path tells, the fields of its pod, and the given
 * labels. What identifies the pod is not to be replaced by a label.
 * @param pod null where it is not known; then there is what the path tells
 */
export function logSourceOf(
  path: string,
  pod: PodMetadata | null,
  labels: Readonly<Record<string, string>>,
  fields: PodFields,
): LogSource {
  const podPath = readPodLogPath(path);
  const identity = {
    namespace: pod?.namespace ?? podPath?.namespace ?? '',
    pod: pod?.name ?? podPath?.pod ?? '',
    container: podPath?.container ?? '',
    workload: pod?.workload ?? '',
  };
  const attributes = withFields(labels, [
    ['namespace', identity.namespace],
    ['pod', identity.pod],
    ['container', identity.container],
    ['pod_uid', pod?.uid ?? podPath?.podUid ?? ''],
    ['container_id', podPath?.containerId ?? ''],
    ...(pod === null ? [] : aboutPod(pod, fields)),
    ['file', path],
  ]);
  return { path, podPath, pod, identity, attributes };
}

/** Who has sent records that do not come from a file; texts are empty where it is not known. */
export interface RecordSender {
  /** Tells senders apart. */
  readonly key: string;
  /** What else its records say. */
  readonly fields: Readonly<Record<string, string>>;
  readonly pod: PodMetadata | null;
  /** What it says of itself: its container, and where its pod is not known of whom the records are. */
  readonly told: {
    readonly namespace: string;
    readonly pod: string;
    readonly container: string;
    readonly workload: string;
  };
}

/**
 * What records of a sender have in common: its fields, what is known of its pod, and the given labels. What identifies the pod
 * is not to be replaced by a label.
 */
export function senderSourceOf(
  { key, fields: own, pod, told }: RecordSender,
  labels: Readonly<Record<string, string>>,
  fields: PodFields,
): LogSource {
  const identity = {
    namespace: pod?.namespace ?? told.namespace,
    pod: pod?.name ?? told.pod,
    container: told.container,
    workload: pod === null ? told.workload : pod.workload,
  };
  const attributes =
    pod === null
      ? { ...labels, ...own }
      : withFields({ ...own, ...labels }, [
          ['namespace', pod.namespace],
          ['pod', pod.name],
          ['pod_uid', pod.uid],
          ...aboutPod(pod, fields),
        ]);
  return { path: key, podPath: null, pod, identity, attributes };
}

type Field = readonly [name: string, value: unknown];

function aboutPod(pod: PodMetadata, fields: PodFields): readonly Field[] {
  return [
    ['node', pod.node],
    ['workload', pod.workload],
    ['workload_kind', pod.workloadKind],
    ['labels', chosen(pod.labels, fields.labels)],
    ['annotations', chosen(pod.annotations, fields.annotations)],
  ];
}

function withFields(
  labels: Readonly<Record<string, string>>,
  fields: readonly Field[],
): Record<string, unknown> {
  const all: Record<string, unknown> = { ...labels };
  for (const [name, value] of fields) if (value !== '' && value !== null) all[name] = value;
  return all;
}

/** The pairs with the given names, null for none. */
function chosen(
  all: ReadonlyMap<string, string>,
  names: readonly string[],
): Readonly<Record<string, string>> | null {
  if (names.length === 0) return null;
  const pairs: (readonly [string, string])[] = [];
  for (const name of names.includes('*') ? all.keys() : names) {
    const value = all.get(name);
    if (value === undefined || value.length > MAX_VALUE_LENGTH) continue;
    pairs.push([name, value]);
    if (pairs.length === MAX_FIELDS) break;
  }
  return pairs.length === 0 ? null : Object.fromEntries(pairs);
}
