import { Labels } from '#libs/labels';

/*
 * Series as those of a cluster: ten labels, of which the pod is shared by a hundred series. Of a hundred series
 * 55 never change, 15 are counters that stand still most of the time, 15 counters that always move, 10 gauges of whole
 * numbers, and 5 random fractions, which nothing compresses.
 */

export function labelsOf(i: number): Labels {
  const pod = Math.floor(i / 100);
  return Labels.fromRecord({
    __name__: `container_metric_${i % 100}`,
    job: 'kubelet',
    metrics_path: '/metrics/cadvisor',
    instance: `10.0.${pod >> 8}.${pod & 255}:10250`,
    node: `node-${pod % 50}`,
    namespace: `team-${pod % 40}`,
    pod: `deployment-${pod % 300}-${pod.toString(16)}-abcde`,
    container: 'main',
    image: `registry.example/team-${pod % 40}/service:${pod % 7}`,
    cluster: 'main',
  });
}

// A small generator of its own, so that two runs are the same.
let seed = 1;
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}

/** A function that gives the next value of a series. */
export function createValues(seriesCount: number): (i: number) => number {
  const values = new Float64Array(seriesCount);
  return function nextValue(i: number): number {
    const kind = i % 20;
    if (kind < 11) return i % 10;
    if (kind === 19) return random();
    if (kind >= 17) return Math.floor(random() * 1_000);
    // Counters: half of them stand still most of the time.
    const isIdle = kind < 14 && random() > 0.05;
    const counter = values[i]! + (isIdle ? 0 : 1 + Math.floor(random() * 50));
    values[i] = counter;
    return counter;
  };
}
