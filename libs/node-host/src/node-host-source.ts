import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { machine } from 'node:os';
import { join } from 'node:path';
import {
  type FilesystemStats,
  type HostFacts,
  HostFileError,
  type HostFileFailure,
  type HostSource,
} from '#libs/host-metrics';

/** Where the host's trees are; in a container they are mounted somewhere. */
export interface NodeHostPaths {
  /** Default `/proc`. */
  readonly proc?: string;
  /** Default `/sys`. */
  readonly sys?: string;
  /** The host's root folder, under which its mount points are asked for their sizes. Default `/`. */
  readonly root?: string;
  /** The node's name; in a container the kernel would tell the container's. */
  readonly nodeName?: string;
  /** How long a filesystem may take to answer. Default 5 s. */
  readonly statfsTimeoutMs?: number;
}

/** Far above the largest of these files (interrupts and mounts of a big machine), far below what hurts. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MISSING = new Set([
  'ENOENT',
  'ENOTDIR',
  'ENXIO',
  'ENODEV',
  'EOPNOTSUPP',
  'ENOTSUP',
  'EINVAL',
]);
const DENIED = new Set(['EACCES', 'EPERM']);

/** The machine this process runs on, or the one whose trees are mounted. */
export class NodeHostSource implements HostSource {
  readonly #proc: string;
  readonly #sys: string;
  readonly #root: string;
  readonly #net: string;
  readonly #statfsTimeoutMs: number;
  readonly #pageSizeBytes: number;
  readonly #nodeName: string | null;
  readonly #zoneNames = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' });
  /** Mount points whose filesystem has not answered yet: each such call holds a thread, so it is not asked again. */
  readonly #stalled = new Set<string>();
  #buffer: Buffer = Buffer.allocUnsafe(64 * 1024);

  constructor(paths: NodeHostPaths = {}) {
    this.#proc = paths.proc ?? '/proc';
    this.#sys = paths.sys ?? '/sys';
    this.#root = paths.root ?? '/';
    // `/proc/net` is a link to the reader's own network namespace; process 1 of a mounted /proc is in the host's.
    this.#net = join(this.#proc, this.#proc === '/proc' ? 'net' : '1/net');
    this.#statfsTimeoutMs = paths.statfsTimeoutMs ?? 5_000;
    this.#nodeName = paths.nodeName ?? null;
    this.#pageSizeBytes = readPageSizeBytes();
  }

  readText(path: string): string {
    const file = this.#resolve(path);
    let descriptor: number;
    try {
      descriptor = openSync(file, 'r');
    } catch (error) {
      throw toHostFileError(error, path);
    }
    try {
      // Sizes in /proc are zero and a folder or a pipe in the place of a file must not hang us.
      if (!fstatSync(descriptor).isFile()) throw new HostFileError('unreadable', path);
      let length = 0;
      for (;;) {
        if (length === this.#buffer.length) this.#grow(path);
        const count = readSync(
          descriptor,
          this.#buffer,
          length,
          this.#buffer.length - length,
          null,
        );
        if (count === 0) break;
        length += count;
      }
      return this.#buffer.toString('utf8', 0, length);
    } catch (error) {
      throw toHostFileError(error, path);
    } finally {
      closeSync(descriptor);
    }
  }

  listNames(path: string): readonly string[] {
    try {
      return readdirSync(this.#resolve(path)).toSorted();
    } catch (error) {
      throw toHostFileError(error, path);
    }
  }

  async statfs(mountPoint: string): Promise<FilesystemStats> {
    if (this.#stalled.has(mountPoint)) throw new HostFileError('stalled', mountPoint);
    this.#stalled.add(mountPoint);
    const answer = statfs(join(this.#root, mountPoint)).finally(() => {
      this.#stalled.delete(mountPoint);
    });
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new HostFileError('stalled', mountPoint)),
        this.#statfsTimeoutMs,
      );
    });
    try {
      const stats = await Promise.race([answer, timeout]);
      return {
        blockSizeBytes: stats.bsize,
        blocks: stats.blocks,
        freeBlocks: stats.bfree,
        availableBlocks: stats.bavail,
        files: stats.files,
        freeFiles: stats.ffree,
      };
    } catch (error) {
      // The answer may still come, and then nobody waits for it.
      answer.catch(() => {});
      throw toHostFileError(error, mountPoint);
    } finally {
      clearTimeout(timer);
    }
  }

  facts(nowMs: number): HostFacts {
    const now = new Date(nowMs);
    const zone = this.#zoneNames.formatToParts(now).find((part) => part.type === 'timeZoneName');
    // The engine says minutes west of Greenwich; for UTC it says -0.
    const offsetSeconds = now.getTimezoneOffset() === 0 ? 0 : now.getTimezoneOffset() * -60;
    return {
      machine: machine(),
      nodeName: this.#nodeName,
      pageSizeBytes: this.#pageSizeBytes,
      timeZone: { name: zone?.value ?? '', offsetSeconds },
    };
  }

  monotonicMs(): number {
    return performance.now();
  }

  #resolve(path: string): string {
    const tree = path.split('/', 1)[0]!;
    const rest = path.slice(tree.length);
    switch (tree) {
      case 'proc':
        return join(this.#proc, rest);
      case 'sys':
        return join(this.#sys, rest);
      case 'net':
        return join(this.#net, rest);
      case 'root':
        return join(this.#root, rest);
      default:
        throw new HostFileError('missing', path);
    }
  }

  #grow(path: string): void {
    if (this.#buffer.length >= MAX_FILE_BYTES) throw new HostFileError('too_large', path);
    const grown = Buffer.allocUnsafe(this.#buffer.length * 2);
    this.#buffer.copy(grown);
    this.#buffer = grown;
  }
}

function toHostFileError(error: unknown, path: string): HostFileError {
  if (error instanceof HostFileError) return error;
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return new HostFileError(failureOf(code), path, { cause: error });
}

function failureOf(code: string): HostFileFailure {
  if (MISSING.has(code)) return 'missing';
  return DENIED.has(code) ? 'denied' : 'unreadable';
}

/** Node does not tell the page size; the kernel does, in the map of any process. */
function readPageSizeBytes(): number {
  try {
    const descriptor = openSync('/proc/self/smaps', 'r');
    try {
      const head = Buffer.alloc(4096);
      const text = head.toString('latin1', 0, readSync(descriptor, head, 0, head.length, 0));
      const match = /^KernelPageSize: +(\d+) kB$/m.exec(text);
      if (match !== null) return Number(match[1]) * 1024;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Not Linux, or hidden: the usual size is the best guess.
  }
  return 4096;
}
