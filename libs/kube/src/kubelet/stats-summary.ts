import { ExpositionWriter } from '#libs/exposition';
import { Labels, METRIC_NAME } from '#libs/labels';
import {
  type Decoded,
  integer,
  KubeObjectError,
  listOf,
  optional,
  shape,
  text,
} from '../decode.ts';

const diskFields = {
  availableBytes: optional(integer),
  capacityBytes: optional(integer),
  usedBytes: optional(integer),
  inodes: optional(integer),
  inodesFree: optional(integer),
  inodesUsed: optional(integer),
};

const disk = shape(diskFields);

const summary = shape({
  node: shape({
    fs: disk,
    runtime: shape({ imageFs: disk, containerFs: disk }),
  }),
  pods: listOf(
    shape({
      podRef: shape({ name: text, namespace: text }),
      containers: listOf(shape({ name: text, rootfs: disk, logs: disk })),
      volume: listOf(shape({ ...diskFields, name: text, pvcRef: optional(shape({ name: text })) })),
      'ephemeral-storage': disk,
    }),
  ),
});

type Disk = Decoded<typeof disk>;

/** A file system, what it is of, and whose it is. */
interface DiskOf {
  readonly part: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly disk: Disk;
}

/** What of a file system is told, by the end of the metric's name. */
const STATS: readonly (readonly [suffix: string, help: string, key: keyof Disk])[] = [
  ['available_bytes', 'Bytes that are free', 'availableBytes'],
  ['capacity_bytes', 'Bytes there are', 'capacityBytes'],
  ['used_bytes', 'Bytes used', 'usedBytes'],
  ['inodes', 'Inodes there are', 'inodes'],
  ['inodes_free', 'Inodes that are free', 'inodesFree'],
  ['inodes_used', 'Inodes used', 'inodesUsed'],
];

const PARTS: ReadonlyMap<string, string> = new Map([
  ['node_fs', "of the node's file system"],
  ['node_runtime_imagefs', 'of the file system of images'],
  ['node_runtime_containerfs', 'of the file system of containers'],
  ['pod_ephemeral_storage', 'of the local storage that counts against the pod'],
  ['pod_volume', 'of a volume that is no claim'],
  ['container_rootfs', "of the container's writable layer"],
  ['container_logs', "of the container's logs"],
]);

/**
 * What the kubelet's `/stats/summary` says and none of its metrics do: the disks of pods, containers and the node, under
 * kube-summary-exporter's names (`kube_summary_pod_ephemeral_storage_used_bytes` and so on). What the kubelet leaves out
 * has no series. Volumes of claims are in its `/metrics`.
 * @returns a body in the text format 0.0.4
 * @throws KubeObjectError
 */
export function summaryExposition(body: Buffer): Buffer {
  const disks = disksOf(summary(parsed(body)));
  const writer = new ExpositionWriter('text');
  for (const [part, what] of PARTS) {
    const own = disks.filter((one) => one.part === part);
    for (const [suffix, help, key] of STATS) {
      const told = own.filter((one) => one.disk[key] !== null);
      if (told.length === 0) continue;
      const name = `kube_summary_${part}_${suffix}`;
      writer.help(name, `${help} ${what}.`);
      writer.type(name, 'gauge');
      for (const { labels, disk: stats } of told) {
        writer.series(Labels.fromRecord({ ...labels, [METRIC_NAME]: name }), stats[key]!);
      }
    }
  }
  return Buffer.from(writer.take());
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new KubeObjectError('expected JSON as of /stats/summary');
  }
}

function disksOf({ node, pods }: Decoded<typeof summary>): readonly DiskOf[] {
  const { imageFs, containerFs } = node.runtime;
  const disks: DiskOf[] = [
    { part: 'node_fs', labels: {}, disk: node.fs },
    { part: 'node_runtime_imagefs', labels: {}, disk: imageFs },
    { part: 'node_runtime_containerfs', labels: {}, disk: containerFs },
  ];
  for (const { podRef, containers, volume, 'ephemeral-storage': ephemeral } of pods) {
    const labels = { namespace: podRef.namespace, pod: podRef.name };
    disks.push({ part: 'pod_ephemeral_storage', labels, disk: ephemeral });
    for (const { name, rootfs, logs } of containers) {
      // The exporter says `name`; everything else of the kubelet says `container`.
      const own = { ...labels, container: name, name };
      disks.push({ part: 'container_rootfs', labels: own, disk: rootfs });
      disks.push({ part: 'container_logs', labels: own, disk: logs });
    }
    for (const one of volume) {
      if (one.pvcRef !== null) continue;
      disks.push({ part: 'pod_volume', labels: { ...labels, volume: one.name }, disk: one });
    }
  }
  return disks;
}
