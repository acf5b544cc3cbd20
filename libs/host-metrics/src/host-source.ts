/**
 * Why a file of the host gave no text. `missing` covers everything that says the machine has no such thing (no such
 * file, no such device, operation not supported); the set is closed because it becomes a metric label.
 */
export type HostFileFailure = 'missing' | 'denied' | 'unreadable' | 'too_large' | 'stalled';

/** A file of the host could not be read. */
export class HostFileError extends Error {
  override readonly name = 'HostFileError';
  readonly code: HostFileFailure;
  readonly path: string;
  constructor(code: HostFileFailure, path: string, options?: ErrorOptions) {
    super(`${path}: ${code}`, options);
    this.code = code;
    this.path = path;
  }
}

/** A file of the host was read but does not hold what the kernel documents. */
export class HostTextError extends Error {
  override readonly name = 'HostTextError';
  readonly path: string;
  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.path = path;
  }
}

/** What statfs(2) says about a mounted filesystem. */
export interface FilesystemStats {
  readonly blockSizeBytes: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  /** Free blocks that a process without privileges may use. */
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
}

/** What the machine is, as far as no file says it. */
export interface HostFacts {
  /** The hardware name of uname(2), such as `x86_64`. */
  readonly machine: string;
  /** The node's name where the kernel would tell a container's instead, or null. */
  readonly nodeName: string | null;
  readonly pageSizeBytes: number;
  /** Abbreviation and offset of the zone at the moment of asking. */
  readonly timeZone: { readonly name: string; readonly offsetSeconds: number };
}

/**
 * The machine as the collectors see it. Paths are relative and begin with the tree they lie in: `proc/stat`,
 * `sys/class/net/eth0/mtu`, `net/dev` (what `/proc/net` is in the network namespace of the host), `root/etc/os-release`.
 *
 * Reading is synchronous: the kernel makes these texts in microseconds and never waits for a disk, while a trip through
 * a thread pool costs twenty times as much, thousands of times per collection on a node with a hundred pods. Only
 * `statfs` may wait (for a network filesystem whose server is gone), so only it is asynchronous.
 */
export interface HostSource {
  /** The text of a file. @throws HostFileError */
  readText(path: string): string;
  /** The names in a folder, sorted. @throws HostFileError */
  listNames(path: string): readonly string[];
  /** Rejects with HostFileError; with code `stalled` when there is no answer in time. */
  statfs(mountPoint: string): Promise<FilesystemStats>;
  facts(nowMs: number): HostFacts;
  /** A clock that never goes back, for durations. */
  monotonicMs(): number;
}
