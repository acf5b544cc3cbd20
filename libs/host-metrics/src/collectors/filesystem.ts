import { type FilesystemStats, HostFileError, type HostSource } from '../host-source.ts';
import type { HostMetricWriter } from '../host-metric-writer.ts';
import { linesOf, readIfPresent } from '../host-text.ts';
import type { NameFilter } from '../name-filter.ts';
import type { HostCollector } from './collector.ts';

/** A mounted filesystem as a line of `mountinfo` tells it. */
interface Mount {
  readonly device: string;
  readonly mountPoint: string;
  readonly fsType: string;
  readonly isReadOnly: boolean;
}

/** Most lines of a mount table that are looked at. */
const MAX_MOUNTS = 20_000;

/** The mounts of a mountinfo text (proc_pid_mountinfo(5)); lines of another shape are left out. */
function parseMountInfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of linesOf(text)) {
    if (mounts.length >= MAX_MOUNTS) break;
    const fields = line.split(' ');
    // Any number of optional fields stands between the mount options and the separating dash.
    const dash = fields.indexOf('-', 6);
    if (dash < 0 || fields.length < dash + 3) continue;
    const options = `${fields[5]!},${fields[dash + 3] ?? ''}`.split(',');
    mounts.push({
      device: unescapeOctal(fields[dash + 2]!),
      mountPoint: unescapeOctal(fields[4]!),
      fsType: fields[dash + 1]!,
      isReadOnly: options.includes('ro'),
    });
  }
  return mounts;
}

/** The kernel writes blank, tab, newline and backslash as three octal digits. */
function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

export interface FilesystemCollectorOptions {
  readonly excludedMountPoints: NameFilter;
  readonly excludedFsTypes: NameFilter;
}

export class FilesystemCollector implements HostCollector {
  readonly name = 'filesystem';
  readonly #options: FilesystemCollectorOptions;

  constructor(options: FilesystemCollectorOptions) {
    this.#options = options;
  }

  async collect(source: HostSource, writer: HostMetricWriter): Promise<void> {
    // The mounts of process 1 are the host's, also for a collector in a container that sees the host's /proc.
    const text = readMountInfo(source);
    const seen = new Set<string>();
    const mounts = parseMountInfo(text).filter((mount) => {
      if (this.#options.excludedMountPoints.excludes(mount.mountPoint)) return false;
      if (this.#options.excludedFsTypes.excludes(mount.fsType)) return false;
      const key = JSON.stringify([mount.device, mount.mountPoint, mount.fsType]);
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
    const answers = await Promise.all(mounts.map((mount) => statfsOrNull(source, mount)));
    for (let i = 0; i < mounts.length; i++) writeMount(writer, mounts[i]!, answers[i]!);
  }
}

function readMountInfo(source: HostSource): string {
  try {
    const text = readIfPresent(source, 'proc/1/mountinfo');
    if (text !== null) return text;
  } catch (error) {
    // Process 1 is hidden from us; our own view is the best there is.
    if (!(error instanceof HostFileError)) throw error;
  }
  return source.readText('proc/self/mountinfo');
}

async function statfsOrNull(source: HostSource, mount: Mount): Promise<FilesystemStats | null> {
  try {
    return await source.statfs(mount.mountPoint);
  } catch (error) {
    if (error instanceof HostFileError) return null;
    throw error;
  }
}

function writeMount(writer: HostMetricWriter, mount: Mount, stats: FilesystemStats | null): void {
  const labels = [
    ['device', mount.device],
    ['fstype', mount.fsType],
    ['mountpoint', mount.mountPoint],
  ].flat();
  const gauge = (name: string, help: string, value: number): void =>
    writer.add(`node_filesystem_${name}`, 'gauge', help, value, labels);
  gauge(
    'device_error',
    'Whether an error occurred while getting statistics for the given device.',
    stats === null ? 1 : 0,
  );
  gauge('readonly', 'Filesystem read-only status.', mount.isReadOnly ? 1 : 0);
  if (stats === null) return;
  const block = stats.blockSizeBytes;
  gauge('size_bytes', 'Filesystem size in bytes.', stats.blocks * block);
  gauge('free_bytes', 'Filesystem free space in bytes.', stats.freeBlocks * block);
  gauge(
    'avail_bytes',
    'Filesystem space available to non-root users in bytes.',
    stats.availableBlocks * block,
  );
  gauge('files', 'Filesystem total file nodes.', stats.files);
  gauge('files_free', 'Filesystem total free file nodes.', stats.freeFiles);
}
