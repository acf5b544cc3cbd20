import { mkdir, writeFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isThere, ruleObjectsEndpoint, ruleObjectsSchema } from './rule-objects-config.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-token-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the token of a pod', () => {
  it('is missing only where there is none, and not where it cannot be read', async () => {
    await writeFile(join(folder, 'token'), 'secret');
    await mkdir(join(folder, 'folder'));
    expect(await isThere(join(folder, 'token'))).toBe(true);
    expect(await isThere(join(folder, 'none'))).toBe(false);
    expect(await isThere(join(folder, 'token', 'below'))).toBe(false);
    // Reading it fails, which whoever asks with it says.
    expect(await isThere(join(folder, 'folder'))).toBe(true);
    expect(await isThere(join(folder, 'x'.repeat(300)))).toBe(true);
  });

  it('is not asked for where nothing says that there is an API server', async () => {
    expect(await ruleObjectsEndpoint(ruleObjectsSchema.parse({}), {})).toBeNull();
  });
});
