import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CommandUsageError } from '../command.ts';

/** The folder that an import writes to: everything at its end, and nothing over what somebody else has written. */
export class OutputFolder {
  readonly path: string;
  readonly #overwrites: boolean;
  readonly #files = new Map<string, string>();

  constructor(path: string, options: { readonly overwrites: boolean }) {
    this.path = path;
    this.#overwrites = options.overwrites;
  }

  get names(): readonly string[] {
    return [...this.#files.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  }

  /** @param name relative, with slashes */
  put(name: string, text: string): void {
    this.#files.set(name, text);
  }

  /** A name under which nothing is put yet. */
  free(name: string): string {
    let free = name;
    for (let i = 2; this.#files.has(free); i++) free = name.replace(/(\.[^./]+)?$/, `-${i}$1`);
    return free;
  }

  /** A file as it stands: put by now, or of an earlier import; else null. */
  async before(name: string): Promise<string | null> {
    const put = this.#files.get(name);
    if (put !== undefined) return put;
    return await this.#onDisk(name);
  }

  /**
   * @param mergeable files that hold what was there before
   * @param isReplaced whether a text may be written over in any case
   * @throws CommandUsageError where a file is there that says something else
   */
  async write(
    mergeable: readonly string[],
    isReplaced: (before: string) => boolean = () => false,
  ): Promise<void> {
    for (const [name, text] of this.#files) {
      if (this.#overwrites || mergeable.includes(name)) continue;
      const before = await this.#onDisk(name);
      if (before !== null && before !== text && !isReplaced(before)) {
        const file = join(this.path, name);
        throw new CommandUsageError(`${file} is there already; --force writes over it`);
      }
    }
    for (const [name, text] of this.#files) {
      const file = join(this.path, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }

  async #onDisk(name: string): Promise<string | null> {
    return await readFile(join(this.path, name), 'utf8').catch(() => null);
  }
}
