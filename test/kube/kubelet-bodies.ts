/** A pod on the node of a stand-in kubelet. Everything it says about the pod follows from this. */
export interface KubeletPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly containers: readonly KubeletContainer[];
  /** Claims mounted by the pod, with what their volumes hold. */
  readonly claims?: readonly KubeletVolume[];
}

interface KubeletContainer {
  readonly name: string;
  readonly image: string;
  cpuSeconds: number;
  workingSetBytes: number;
  /** Of its writable layer. */
  rootFsUsedBytes: number;
  logsUsedBytes: number;
  /** How often each probe has come to each result. */
  readonly probes: KubeletProbe[];
}

interface KubeletProbe {
  readonly type: 'Liveness' | 'Readiness' | 'Startup';
  successful: number;
  failed: number;
}

interface KubeletVolume {
  readonly claim: string;
  readonly capacityBytes: number;
  usedBytes: number;
}

/** A pod with one container that is probed for readiness and liveness. */
export function kubeletPod(name: string, more: Partial<KubeletPod> = {}): KubeletPod {
  return {
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    containers: [
      {
        name: 'main',
        image: 'acme/app:1',
        cpuSeconds: 12.5,
        workingSetBytes: 64 << 20,
        rootFsUsedBytes: 4_096,
        logsUsedBytes: 8_192,
        probes: [
          { type: 'Liveness', successful: 30, failed: 0 },
          { type: 'Readiness', successful: 60, failed: 0 },
        ],
      },
    ],
    ...more,
  };
}

/** A path of the kubelet and what is said there. */
export interface KubeletPath {
  readonly contentType: string;
  body(nodeName: string, pods: readonly KubeletPod[]): string;
}

const TEXT = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';
const DISK_BYTES = 100 * 2 ** 30;

/** Everything that is served; the paths of which the collector has no right to are not. */
export const KUBELET_PATHS: ReadonlyMap<string, KubeletPath> = new Map([
  ['/metrics', { contentType: TEXT, body: ownMetrics }],
  ['/metrics/cadvisor', { contentType: TEXT, body: cadvisorMetrics }],
  ['/metrics/resource', { contentType: TEXT, body: resourceMetrics }],
  ['/metrics/probes', { contentType: TEXT, body: probeMetrics }],
  ['/stats/summary', { contentType: 'application/json', body: summary }],
]);

type Kind = 'counter' | 'gauge';
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number, timeMs?: number];

function family(name: string, kind: Kind, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value, timeMs]) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text}"`);
    const set = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
    return `${name}${set} ${value}${timeMs === undefined ? '' : ` ${timeMs}`}`;
  });
  return [`# HELP ${name} [ALPHA] Of the stand-in.`, `# TYPE ${name} ${kind}`, ...lines, ''].join(
    '\n',
  );
}

function containersOf(pods: readonly KubeletPod[]) {
  return pods.flatMap((pod) => pod.containers.map((container) => ({ pod, container })));
}

function ownMetrics(nodeName: string, pods: readonly KubeletPod[]): string {
  const volumes = pods.flatMap((pod) =>
    (pod.claims ?? []).map((volume) => ({
      labels: { namespace: pod.namespace, persistentvolumeclaim: volume.claim },
      volume,
    })),
  );
  const volumeStat = (name: string, of: (volume: KubeletVolume) => number): string =>
    family(
      `kubelet_volume_stats_${name}`,
      'gauge',
      volumes.map(({ labels, volume }): Sample => [labels, of(volume)]),
    );
  return [
    family('kubelet_node_name', 'gauge', [[{ node: nodeName }, 1]]),
    family('kubelet_running_pods', 'gauge', [[{}, pods.length]]),
    family('kubelet_running_containers', 'gauge', [
      [{ container_state: 'running' }, containersOf(pods).length],
    ]),
    family('kubelet_evictions', 'counter', [[{ eviction_signal: 'memory.available' }, 0]]),
    volumeStat('capacity_bytes', ({ capacityBytes }) => capacityBytes),
    volumeStat('used_bytes', ({ usedBytes }) => usedBytes),
    volumeStat('available_bytes', ({ capacityBytes, usedBytes }) => capacityBytes - usedBytes),
  ].join('');
}

function cadvisorMetrics(_nodeName: string, pods: readonly KubeletPod[]): string {
  // cAdvisor looks at each cgroup when it has the time, and says when that was.
  const timeMs = Date.now() - 7_000;
  const each = (
    of: (container: KubeletContainer) => number,
    more: Readonly<Record<string, string>> = {},
  ): Sample[] => [
    [{ container: '', ...more, id: '/', image: '', name: '', namespace: '', pod: '' }, 1, timeMs],
    ...containersOf(pods).map(({ pod, container }): Sample => {
      const id = `/kubepods.slice/pod${pod.uid}/${container.name}`;
      const { namespace, name } = pod;
      const labels = { container: container.name, ...more, id, image: container.image };
      return [
        { ...labels, name: `${container.name}-1`, namespace, pod: name },
        of(container),
        timeMs,
      ];
    }),
  ];
  const working = each(({ workingSetBytes }) => workingSetBytes);
  return [
    family(
      'container_cpu_usage_seconds_total',
      'counter',
      each(({ cpuSeconds }) => cpuSeconds, { cpu: 'total' }),
    ),
    family('container_memory_working_set_bytes', 'gauge', working),
    family(
      'container_oom_events_total',
      'counter',
      each(() => 0),
    ),
    family('machine_cpu_cores', 'gauge', [
      [{ boot_id: 'b', machine_id: 'm', system_uuid: 's' }, 2],
    ]),
  ].join('');
}

function resourceMetrics(_nodeName: string, pods: readonly KubeletPod[]): string {
  const timeMs = Date.now() - 3_000;
  const each = (of: (container: KubeletContainer) => number): Sample[] =>
    containersOf(pods).map(({ pod: { namespace, name }, container }) => [
      { container: container.name, namespace, pod: name },
      of(container),
      timeMs,
    ]);
  return [
    family(
      'container_cpu_usage_seconds_total',
      'counter',
      each(({ cpuSeconds }) => cpuSeconds),
    ),
    family(
      'container_memory_working_set_bytes',
      'gauge',
      each(({ workingSetBytes }) => workingSetBytes),
    ),
    family('node_cpu_usage_seconds_total', 'counter', [[{}, 1_234.5, timeMs]]),
    family('resource_scrape_error', 'gauge', [[{}, 0]]),
  ].join('');
}

function probeMetrics(_nodeName: string, pods: readonly KubeletPod[]): string {
  const samples = containersOf(pods).flatMap(({ pod, container }) =>
    container.probes.flatMap(({ type, successful, failed }) => {
      const { namespace, name, uid } = pod;
      const of = (result: string): Sample[0] => ({
        container: container.name,
        namespace,
        pod: name,
        pod_uid: uid,
        probe_type: type,
        result,
      });
      // A result that never was has no series.
      const counts: Sample[] = [
        [of('successful'), successful],
        [of('failed'), failed],
      ];
      return counts.filter(([, count]) => count > 0);
    }),
  );
  return family('prober_probe_total', 'counter', samples);
}

function summary(nodeName: string, pods: readonly KubeletPod[]): string {
  const time = new Date(Date.now() - 9_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const disk = (usedBytes: number): object => ({
    time,
    availableBytes: DISK_BYTES / 2,
    capacityBytes: DISK_BYTES,
    usedBytes,
    inodes: 1_000_000,
    inodesFree: 900_000,
    inodesUsed: 3,
  });
  return JSON.stringify({
    node: {
      nodeName,
      fs: disk(DISK_BYTES / 2),
      runtime: { imageFs: disk(2 ** 30), containerFs: disk(2 ** 28) },
    },
    pods: pods.map((pod) => ({
      podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
      containers: pod.containers.map((container) => ({
        name: container.name,
        rootfs: disk(container.rootFsUsedBytes),
        logs: disk(container.logsUsedBytes),
      })),
      volume: (pod.claims ?? []).map(({ claim, usedBytes }) =>
        Object.assign(disk(usedBytes), {
          name: 'data',
          pvcRef: { name: claim, namespace: pod.namespace },
        }),
      ),
      'ephemeral-storage': disk(
        pod.containers.reduce((sum, one) => sum + one.rootFsUsedBytes + one.logsUsedBytes, 0),
      ),
    })),
  });
}
