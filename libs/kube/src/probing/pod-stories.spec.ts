import { describe, expect, it } from '@jest/globals';
import { event as decodeEvent } from '../objects/event.ts';
import { pod as decodePod } from '../objects/pod.ts';
import { eventEntries, PodStories, type PodStoriesOptions, withEvents } from './pod-stories.ts';

const OPTIONS: PodStoriesOptions = {
  maxPods: 3,
  maxEntries: 20,
  maxDeleted: 2,
  keepDeletedMs: 1_000,
};

const at = (second: number) => new Date(second * 1_000).toISOString();

interface State {
  readonly uid?: string;
  readonly isScheduled?: boolean;
  readonly isReady?: boolean;
  readonly state?: object;
  readonly lastState?: object;
  readonly restarts?: number;
  readonly since?: number;
  readonly isEnding?: boolean;
}

function podThat(state: State) {
  const { uid = 'u1', isScheduled = true, isReady, restarts = 0, since = 1 } = state;
  const conditions = [
    {
      type: 'PodScheduled',
      status: isScheduled ? 'True' : 'False',
      reason: isScheduled ? '' : 'Unschedulable',
      message: isScheduled ? '' : '0/3 nodes are available',
      lastTransitionTime: at(1),
    },
    ...(isReady === undefined
      ? []
      : [
          {
            type: 'Ready',
            status: isReady ? 'True' : 'False',
            reason: isReady ? '' : 'ContainersNotReady',
            lastTransitionTime: at(since),
          },
        ]),
  ];
  const status = {
    name: 'main',
    restartCount: restarts,
    ready: isReady ?? false,
    state: state.state ?? {},
    lastState: state.lastState ?? {},
  };
  return decodePod({
    metadata: {
      name: `pod-${uid}`,
      namespace: 'shop',
      uid,
      ...(state.isEnding === true && { deletionTimestamp: at(since) }),
    },
    spec: { nodeName: 'n1' },
    status: { conditions, containerStatuses: [status] },
  });
}

const running = (second: number) => ({ running: { startedAt: at(second) } });
const ended = (reason: string, exitCode: number, second: number) => ({
  terminated: { reason, exitCode, finishedAt: at(second), message: '' },
});

function told(stories: PodStories, name = ''): string[] {
  return stories
    .list('shop', name)
    .flatMap(({ entries }) => entries)
    .map(({ timeMs, kind, container, reason, message, count }) =>
      [`${timeMs / 1_000}`, kind, container, reason, message, count > 1 ? `×${count}` : '']
        .filter(Boolean)
        .join(' '),
    );
}

describe('the story of a pod', () => {
  it('is that it was scheduled, became ready, failed and was restarted', () => {
    const stories = new PodStories(OPTIONS);
    const waiting = { waiting: { reason: 'ContainerCreating' } };
    stories.put(podThat({ isScheduled: false }), 1_000);
    stories.put(podThat({ state: waiting, isReady: false }), 2_000);
    stories.put(podThat({ state: running(3), isReady: false }), 3_000);
    const probe = { container: 'main', probeType: 'Liveness' };
    const good = { failure: null, isFinal: false };
    stories.probed('u1', probe, good, 4_000);
    stories.probed('u1', probe, good, 5_000);
    stories.put(podThat({ state: running(3), isReady: true, since: 5 }), 5_000);
    for (const second of [6, 7, 8]) {
      const failure = 'status: status 503: overloaded';
      stories.probed('u1', probe, { failure, isFinal: second === 8 }, second * 1_000);
    }
    stories.put(podThat({ state: running(3), isReady: false, since: 8 }), 8_000);
    const last = ended('Error', 137, 9);
    const restarted = { state: running(10), lastState: last, restarts: 1 };
    stories.put(podThat({ ...restarted, isReady: false, since: 8 }), 10_000);
    stories.probed('u1', probe, good, 11_000);
    stories.put(podThat({ ...restarted, isReady: true, since: 11 }), 11_000);
    expect(told(stories)).toEqual([
      '1 unschedulable Unschedulable 0/3 nodes are available',
      '1 scheduled on n1',
      '2 waiting main ContainerCreating',
      '3 started main',
      '4 probe-succeeded main Liveness',
      '5 ready',
      '6 probe-failed main Liveness status: status 503: overloaded ×3',
      '8 not-ready ContainersNotReady',
      '9 ended main Error exit code 137',
      '10 restarted main after its liveness probe had failed',
      '11 probe-succeeded main Liveness',
      '11 ready',
    ]);
  });

  it('begins with what a pod says of itself when it is first seen', () => {
    const stories = new PodStories(OPTIONS);
    const lastState = ended('OOMKilled', 137, 5);
    stories.put(
      podThat({ state: running(6), lastState, restarts: 4, isReady: true, since: 7 }),
      9e6,
    );
    expect(told(stories)).toEqual([
      '1 scheduled on n1',
      '5 ended main OOMKilled exit code 137',
      '6 started main',
      '7 ready',
    ]);
  });

  it('goes on when the pod is gone, for a while', () => {
    const stories = new PodStories(OPTIONS);
    const ending = podThat({ isEnding: true, since: 2 });
    stories.put(ending, 2_000);
    stories.remove(ending, 3_000);
    expect(told(stories).slice(-2)).toEqual(['2 deleting the pod is asked to end', '3 deleted']);
    expect(stories.list('', '')[0]).toMatchObject({ pod: null, deletedAtMs: 3_000 });
    stories.expire(3_999);
    expect(stories.list('', '')).toHaveLength(1);
    stories.expire(4_000);
    expect(stories.list('', '')).toHaveLength(0);
  });

  it('is kept for so many pods only, and so many entries of each', () => {
    const stories = new PodStories({ ...OPTIONS, maxEntries: 3 });
    for (const uid of ['a', 'b', 'c', 'd']) stories.put(podThat({ uid }), 1_000);
    expect(stories.withoutStory).toBe(1);
    for (let i = 0; i < 10; i++) {
      const outcome = { failure: `no ${i} ${'x'.repeat(1_000)}`, isFinal: false };
      stories.probed('a', { container: 'main', probeType: 'Readiness' }, outcome, 2_000 + i);
      stories.probed('d', { container: 'main', probeType: 'Readiness' }, outcome, 2_000 + i);
    }
    const [story] = stories.list('shop', 'pod-a');
    expect(story?.entries.map(({ message }) => message.slice(0, 4))).toEqual([
      'no 7',
      'no 8',
      'no 9',
    ]);
    expect(story?.entries[0]?.message).toHaveLength(500);
    expect(story?.forgotten).toBe(8);
    for (const uid of ['a', 'b', 'c']) stories.remove(podThat({ uid }), 3_000);
    expect(stories.list('', '').map(({ uid }) => uid)).toEqual(['b', 'c']);
    stories.put(podThat({ uid: 'd' }), 3_100);
    expect(stories.list('', 'pod-d')).toHaveLength(1);
  });

  it('is told together with the events there are about the pod', () => {
    const about = (uid: string, reason: string, more: object = {}) =>
      decodeEvent({
        metadata: {},
        involvedObject: { uid, fieldPath: 'spec.containers{main}' },
        reason,
        message: `${reason}!`,
        firstTimestamp: at(4),
        lastTimestamp: at(6),
        count: 3,
        ...more,
      });
    const events = [
      about('u1', 'Unhealthy'),
      about('u1', 'Killing', { firstTimestamp: at(2), involvedObject: { uid: 'u1' } }),
      about('other', 'Unhealthy'),
    ];
    const entries = eventEntries(events, { uid: 'u1', mirrorOf: '' });
    expect(entries).toEqual([
      {
        kind: 'event',
        container: 'main',
        reason: 'Unhealthy',
        message: 'Unhealthy!',
        timeMs: 4_000,
        lastTimeMs: 6_000,
        count: 3,
      },
      expect.objectContaining({ kind: 'killed', container: '', timeMs: 2_000 }),
    ]);
    expect(eventEntries(events, { uid: 'mirror', mirrorOf: 'u1' })).toHaveLength(2);
    const stories = new PodStories(OPTIONS);
    stories.put(podThat({ state: running(3) }), 3_000);
    const merged = withEvents(stories.list('', '')[0]!.entries, entries);
    expect(merged.map(({ kind }) => kind)).toEqual(['scheduled', 'killed', 'started', 'event']);
  });
});
