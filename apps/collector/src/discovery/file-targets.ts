import { glob, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type FileDiscovery, parseTargetGroups, type TargetGroup } from '#libs/discovery';
import type { AppLogger } from '#libs/platform';
import type { DiscoveryMetrics } from './discovery-metrics.ts';
import type { TargetProvider } from './target-provider.ts';

/** Prometheus is told of changes by the kernel; looking every few seconds also works on mounts that tell nothing. */
const LOOK_MS = 5_000;
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 10_000;

interface KnownFile {
  readonly text: string;
  readonly groups: readonly TargetGroup[];
}

/** Targets from files, looked at again and again. A file that cannot be read keeps the targets it had. */
export class FileTargets implements TargetProvider {
  readonly #config: FileDiscovery;
  readonly #baseDir: string;
  readonly #metrics: DiscoveryMetrics;
  readonly #logger: AppLogger;
  readonly #files = new Map<string, KnownFile>();
  readonly #failing = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #isStopped = false;

  constructor(options: {
    readonly config: FileDiscovery;
    readonly baseDir: string;
    readonly metrics: DiscoveryMetrics;
    readonly logger: AppLogger;
  }) {
    this.#config = options.config;
    this.#baseDir = options.baseDir;
    this.#metrics = options.metrics;
    this.#logger = options.logger;
  }

  start(tell: (groups: readonly TargetGroup[]) => void): void {
    const look = (): void => {
      this.#looking ??= this.#look(tell).finally(() => {
        this.#looking = null;
      });
    };
    this.#timer = setInterval(look, Math.min(LOOK_MS, this.#config.refreshMs));
    look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(tell: (groups: readonly TargetGroup[]) => void): Promise<void> {
    const found = await this.#find();
    let hasChanged = false;
    for (const file of this.#files.keys()) {
      if (!found.has(file)) hasChanged = this.#files.delete(file);
    }
    for (const file of found) hasChanged = (await this.#read(file)) || hasChanged;
    if (!hasChanged || this.#isStopped) return;
    tell([...this.#files.values()].flatMap(({ groups }) => groups));
  }

  async #find(): Promise<Set<string>> {
    const found = new Set<string>();
    for (const pattern of this.#config.patterns) {
      for await (const file of glob(pattern, { cwd: this.#baseDir })) {
        found.add(resolve(this.#baseDir, file));
        if (found.size >= MAX_FILES) return found;
      }
    }
    return found;
  }

  /** @returns whether the file says something else than before */
  async #read(file: string): Promise<boolean> {
    try {
      const text = await readBounded(file);
      if (this.#files.get(file)?.text === text) return false;
      const groups = parseTargetGroups(text, file, { __meta_filepath: file });
      this.#files.set(file, { text, groups });
      this.#failing.delete(file);
      return true;
    } catch (error) {
      this.#metrics.fileFailed();
      const message = error instanceof Error ? error.message : String(error);
      if (!this.#failing.has(file)) this.#logger.warn('targets not read', { file, error: message });
      this.#failing.add(file);
      return false;
    }
  }
}

async function readBounded(file: string): Promise<string> {
  await using handle = await open(file);
  const { size } = await handle.stat();
  if (size > MAX_FILE_BYTES) throw new Error(`the file has more than ${MAX_FILE_BYTES} bytes`);
  return await handle.readFile('utf8');
}
