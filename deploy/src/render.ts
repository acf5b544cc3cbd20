import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { Manifest } from './manifest.ts';

const deploy = join(import.meta.dirname, '..');
/** In the repository, since kustomize takes resources by paths relative to it. */
const scratch = join(deploy, '..', '.cache');

/** The overlay that an install begins with. */
export const DEFAULT_OVERLAY = 'small';

export function overlayNames(): readonly string[] {
  return foldersOf('overlays');
}

export function componentNames(): readonly string[] {
  return foldersOf('components');
}

function foldersOf(folder: string): string[] {
  return readdirSync(join(deploy, folder)).toSorted();
}

/** @throws Error with kubectl's own words */
export function renderOverlay(name: string): readonly Manifest[] {
  return renderFolder(join(deploy, 'overlays', name));
}

/** The base, or an overlay, with components, as an overlay of the user's own would have them. */
export function renderComponents(names: readonly string[], over = 'base'): readonly Manifest[] {
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(join(scratch, 'overlay-'));
  try {
    writeFileSync(
      join(folder, 'kustomization.yaml'),
      stringify({
        resources: [relative(folder, join(deploy, over))],
        components: names.map((name) => relative(folder, join(deploy, 'components', name))),
      }),
    );
    return renderFolder(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param folder of an overlay. @throws Error with kubectl's own words */
export function renderFolder(folder: string): readonly Manifest[] {
  const { status, stdout, stderr, error } = spawnSync('kubectl', ['kustomize', folder], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}
