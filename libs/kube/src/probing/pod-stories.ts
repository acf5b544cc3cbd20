import { eventOccurrences } from '../events/event-ledger.ts';
import type { KubeEvent } from '../objects/event.ts';
import type { ContainerStatus, Pod } from '../objects/pod.ts';

/** What happened to a pod. */
export type StoryKind =
  | 'scheduled'
  | 'unschedulable'
  | 'waiting'
  | 'started'
  | 'ready'
  | 'not-ready'
  | 'probe-failed'
  | 'probe-succeeded'
  | 'killed'
  | 'ended'
  | 'restarted'
  | 'event'
  | 'deleting'
  | 'deleted';

/** One thing that happened, once or several times in a row. */
export interface StoryEntry {
  /** When it was first so. */
  readonly timeMs: number;
  readonly lastTimeMs: number;
  readonly count: number;
  readonly kind: StoryKind;
  /** '' for the pod as a whole. */
  readonly container: string;
  /** The kubelet's or the scheduler's word, `Liveness` for a probe. */
  readonly reason: string;
  readonly message: string;
}

type NewEntry = Omit<StoryEntry, 'lastTimeMs' | 'count'> & { readonly count?: number };

/** One pod and what happened to it. */
export interface PodStory {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Null once the pod is gone. */
  readonly pod: Pod | null;
  readonly deletedAtMs: number | null;
  /** Oldest first. */
  readonly entries: readonly StoryEntry[];
  /** Older entries that made room. */
  readonly forgotten: number;
}

export interface PodStoriesOptions {
  /** Pods that are there; those beyond have no story. */
  readonly maxPods: number;
  readonly maxEntries: number;
  /** Of pods that are gone; the oldest make room. */
  readonly maxDeleted: number;
  readonly keepDeletedMs: number;
}

const MAX_MESSAGE_LENGTH = 500;

interface Story {
  namespace: string;
  name: string;
  uid: string;
  pod: Pod | null;
  deletedAtMs: number | null;
  entries: StoryEntry[];
  forgotten: number;
  /** Containers whose liveness or startup probe has failed for good since they started. */
  failed: Map<string, string>;
}

/** What happened to each pod: from its status and from probes. It forgets the oldest first. */
export class PodStories {
  readonly #options: PodStoriesOptions;
  readonly #stories = new Map<string, Story>();
  #withoutStory = 0;

  constructor(options: PodStoriesOptions) {
    this.#options = options;
  }

  /** Pods that were not taken because there were too many. */
  get withoutStory(): number {
    return this.#withoutStory;
  }

  /** A pod is new or has changed. */
  put(pod: Pod, nowMs: number): void {
    const { uid, namespace, name, deletionTimestamp } = pod.metadata;
    let story = this.#stories.get(uid);
    if (story === undefined) {
      if (this.#living() >= this.#options.maxPods) {
        this.#withoutStory++;
        return;
      }
      const fresh = { namespace, name, uid, pod: null, deletedAtMs: null, entries: [] };
      story = { ...fresh, forgotten: 0, failed: new Map() };
      this.#stories.set(uid, story);
    }
    const told = changes(story.pod, pod, nowMs, story.failed);
    for (const entry of told.toSorted((a, b) => a.timeMs - b.timeMs)) this.#add(story, entry);
    const wasEnding = (story.pod?.metadata.deletionTimestamp ?? null) !== null;
    if (deletionTimestamp !== null && !wasEnding) {
      this.#add(story, entryOf(nowMs, 'deleting', '', '', 'the pod is asked to end'));
    }
    story.pod = pod;
  }

  /** A pod is gone. */
  remove(pod: Pod, nowMs: number): void {
    const story = this.#stories.get(pod.metadata.uid);
    if (story === undefined || story.deletedAtMs !== null) return;
    this.#add(story, entryOf(nowMs, 'deleted', '', '', ''));
    story.pod = null;
    story.deletedAtMs = nowMs;
    // Behind those that are there, in the order they went.
    this.#stories.delete(story.uid);
    this.#stories.set(story.uid, story);
    this.expire(nowMs);
  }

  /**
   * A probe of ours has been made.
   * @param outcome `failure` is null for success; `isFinal` is whether the kubelet would act on it
   */
  probed(
    uid: string,
    probe: { readonly container: string; readonly probeType: string },
    outcome: { readonly failure: string | null; readonly isFinal: boolean },
    nowMs: number,
  ): void {
    const story = this.#stories.get(uid);
    if (story === undefined) return;
    const { container, probeType } = probe;
    const isOfProbe = ({ kind, reason, container: of }: StoryEntry): boolean =>
      kind.startsWith('probe-') && reason === probeType && of === container;
    if (outcome.failure !== null) {
      this.#add(story, entryOf(nowMs, 'probe-failed', container, probeType, outcome.failure));
      if (outcome.isFinal && probeType !== 'Readiness') story.failed.set(container, probeType);
    } else if (story.entries.findLast(isOfProbe)?.kind !== 'probe-succeeded') {
      // Only the first one after something else is worth telling.
      this.#add(story, entryOf(nowMs, 'probe-succeeded', container, probeType, ''));
    }
  }

  /** Forgets pods that have been gone for long, and the oldest of too many. */
  expire(nowMs: number): void {
    const gone = [...this.#stories.values()].filter(({ deletedAtMs }) => deletedAtMs !== null);
    const tooMany = gone.length - this.#options.maxDeleted;
    gone.forEach((story, i) => {
      const isOld = nowMs - (story.deletedAtMs ?? nowMs) >= this.#options.keepDeletedMs;
      if (isOld || i < tooMany) this.#stories.delete(story.uid);
    });
  }

  /** Stories of a namespace and a pod; '' for any. */
  list(namespace: string, name: string): readonly PodStory[] {
    return [...this.#stories.values()].filter(
      (story) =>
        (namespace === '' || story.namespace === namespace) && (name === '' || story.name === name),
    );
  }

  #living(): number {
    let count = 0;
    for (const { deletedAtMs } of this.#stories.values()) if (deletedAtMs === null) count++;
    return count;
  }

  #add(story: Story, entry: NewEntry): void {
    const last = story.entries.at(-1);
    const { timeMs, count = 1 } = entry;
    const isSame =
      last !== undefined &&
      last.kind === entry.kind &&
      last.container === entry.container &&
      last.reason === entry.reason &&
      last.message === entry.message;
    if (isSame) {
      const lastTimeMs = Math.max(last.lastTimeMs, timeMs);
      story.entries[story.entries.length - 1] = { ...last, lastTimeMs, count: last.count + count };
      return;
    }
    story.entries.push({ ...entry, lastTimeMs: timeMs, count });
    if (story.entries.length <= this.#options.maxEntries) return;
    story.entries.shift();
    story.forgotten++;
  }
}

function entryOf(
  timeMs: number,
  kind: StoryKind,
  container: string,
  reason: string,
  message: string,
): NewEntry {
  return { timeMs, kind, container, reason, message: message.slice(0, MAX_MESSAGE_LENGTH) };
}

/** What one state of a pod tells that the one before it did not. */
function changes(
  before: Pod | null,
  after: Pod,
  nowMs: number,
  failed: Map<string, string>,
): NewEntry[] {
  // Times are whole seconds: of things at once the cause comes first.
  return [
    ...conditionChanges('PodScheduled', before, after, nowMs),
    ...[...after.status.initContainerStatuses, ...after.status.containerStatuses].flatMap(
      (status) => {
        const statuses = before?.status;
        const of = ({ name }: ContainerStatus): boolean => name === status.name;
        const earlier =
          statuses?.containerStatuses.find(of) ?? statuses?.initContainerStatuses.find(of) ?? null;
        return containerChanges(earlier, status, nowMs, failed);
      },
    ),
    ...conditionChanges('Ready', before, after, nowMs),
  ];
}

function conditionChanges(
  wanted: 'PodScheduled' | 'Ready',
  before: Pod | null,
  after: Pod,
  nowMs: number,
): NewEntry[] {
  const told: NewEntry[] = [];
  for (const { type, status, reason, message, lastTransitionTime } of after.status.conditions) {
    if (type !== wanted) continue;
    const earlier = before?.status.conditions.find((condition) => condition.type === type);
    if (earlier?.status === status && earlier.reason === reason) continue;
    // What is not ready before it has been is a start like any other.
    if (type === 'Ready' && status !== 'True' && earlier === undefined) continue;
    const kind =
      type === 'PodScheduled'
        ? status === 'True'
          ? 'scheduled'
          : 'unschedulable'
        : status === 'True'
          ? 'ready'
          : 'not-ready';
    const where = kind === 'scheduled' ? `on ${after.spec.nodeName}` : message;
    told.push(entryOf(lastTransitionTime ?? nowMs, kind, '', reason, where));
  }
  return told;
}

function containerChanges(
  before: ContainerStatus | null,
  after: ContainerStatus,
  nowMs: number,
  failed: Map<string, string>,
): NewEntry[] {
  const told: NewEntry[] = [];
  const { name, state, lastState, restartCount } = after;
  const ended = state.terminated ?? lastState.terminated;
  const endedBefore = before?.state.terminated ?? before?.lastState.terminated ?? null;
  if (ended !== null && ended.finishedAt !== endedBefore?.finishedAt) {
    const message = [`exit code ${ended.exitCode}`, ended.message].filter(Boolean).join(': ');
    told.push(entryOf(ended.finishedAt ?? nowMs, 'ended', name, ended.reason, message));
  }
  const { waiting, running } = state;
  if (waiting !== null && waiting.reason !== before?.state.waiting?.reason) {
    told.push(entryOf(nowMs, 'waiting', name, waiting.reason, waiting.message));
  }
  const restarts = restartCount - (before?.restartCount ?? restartCount);
  if (restarts > 0) {
    const probe = failed.get(name);
    const message = probe === undefined ? '' : `after its ${probe.toLowerCase()} probe had failed`;
    failed.delete(name);
    const atMs = running?.startedAt ?? nowMs;
    told.push({ ...entryOf(atMs, 'restarted', name, '', message), count: restarts });
  } else if (running !== null && running.startedAt !== before?.state.running?.startedAt) {
    told.push(entryOf(running.startedAt ?? nowMs, 'started', name, '', ''));
  }
  return told;
}

/**
 * Events about a pod as entries of its story; those about another pod of that name are left out.
 * @param mirrorOf what the kubelet calls a pod of its own; '' for any other
 */
export function eventEntries(
  events: readonly KubeEvent[],
  { uid, mirrorOf }: { readonly uid: string; readonly mirrorOf: string },
): readonly StoryEntry[] {
  return events.flatMap((event): StoryEntry[] => {
    const { involvedObject, reason, message } = event;
    if (involvedObject.uid !== uid && (mirrorOf === '' || involvedObject.uid !== mirrorOf))
      return [];
    const { count, firstMs, lastMs } = eventOccurrences(event);
    const kind = reason === 'Killing' ? 'killed' : 'event';
    const container = /^spec\.(?:initContainers|containers)\{(.+)\}$/.exec(
      involvedObject.fieldPath,
    );
    const entry = entryOf(firstMs, kind, container?.[1] ?? '', reason, message);
    return [{ ...entry, lastTimeMs: lastMs, count }];
  });
}

/** Both: the entries in the order they were heard of, each event where its time puts it. */
export function withEvents(
  entries: readonly StoryEntry[],
  events: readonly StoryEntry[],
): readonly StoryEntry[] {
  const merged = [...entries];
  for (const event of events) {
    const before = merged.findLastIndex(({ timeMs }) => timeMs <= event.timeMs);
    merged.splice(before + 1, 0, event);
  }
  return merged;
}
