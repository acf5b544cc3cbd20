import {
  type FilesystemStats,
  type HostFacts,
  HostFileError,
  type HostSource,
} from './host-source.ts';

/** A machine made of texts, for tests and the simulator. */
export class MemoryHostSource implements HostSource {
  /** Texts by path; an error in the place of a text is thrown to whoever reads it. */
  readonly files: Map<string, string | HostFileError>;
  nodeName: string | null = null;
  readonly filesystems = new Map<string, FilesystemStats>();
  #monotonicMs = 0;

  constructor(files: Readonly<Record<string, string | HostFileError>> = {}) {
    this.files = new Map(Object.entries(files));
  }

  readText(path: string): string {
    const text = this.files.get(path);
    if (text === undefined) throw new HostFileError('missing', path);
    if (typeof text !== 'string') throw text;
    return text;
  }

  listNames(path: string): readonly string[] {
    const names = new Set<string>();
    for (const file of this.files.keys()) {
      if (file.startsWith(`${path}/`)) names.add(file.slice(path.length + 1).split('/', 1)[0]!);
    }
    if (names.size === 0) throw new HostFileError('missing', path);
    return [...names].toSorted();
  }

  statfs(mountPoint: string): Promise<FilesystemStats> {
    const stats = this.filesystems.get(mountPoint);
    if (stats === undefined) return Promise.reject(new HostFileError('stalled', mountPoint));
    return Promise.resolve(stats);
  }

  facts(): HostFacts {
    return {
      machine: 'x86_64',
      nodeName: this.nodeName,
      pageSizeBytes: 4096,
      timeZone: { name: 'UTC', offsetSeconds: 0 },
    };
  }

  /** Goes on by a millisecond whenever it is asked. */
  monotonicMs(): number {
    return this.#monotonicMs++;
  }
}
