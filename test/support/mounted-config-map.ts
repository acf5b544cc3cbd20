import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A folder as the kubelet mounts a ConfigMap: each file is a link into `..data`, which is a link to a folder with a time in its
 * name. A change makes a new folder and swings `..data` to it in one step, so that all files change at once; no file
 * that anybody has open is ever written to.
 */
export class MountedConfigMap {
  readonly path: string;
  #version = 0;
  #names: ReadonlySet<string> = new Set();

  constructor(path: string) {
    this.path = path;
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    const before = `..2026_11_21_10_00_${this.#version}`;
    const folder = `..2026_11_21_10_00_${++this.#version}`;
    await mkdir(join(this.path, folder), { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(this.path, folder, name), text);
    }
    await symlink(folder, join(this.path, '..data_tmp'));
    await rename(join(this.path, '..data_tmp'), join(this.path, '..data'));
    const names = new Set(Object.keys(files));
    for (const name of names) {
      if (!this.#names.has(name)) await symlink(join('..data', name), join(this.path, name));
    }
    for (const name of this.#names) if (!names.has(name)) await rm(join(this.path, name));
    this.#names = names;
    await rm(join(this.path, before), { recursive: true, force: true });
  }
}
