import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from '@jest/globals';

const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const conformanceRoot =
  process.env['BINNACLE_CONFORMANCE'] ?? join(repositoryRoot, '..', 'shared', 'conformance');

/** Where a part of the third-party conformance data lies, or null where it is not on this machine. */
export function conformancePath(...parts: string[]): string | null {
  const path = join(conformanceRoot, ...parts);
  return existsSync(path) ? path : null;
}

/**
 * A suite over conformance data. Without the data it is one skipped test whose name says how to get it.
 * @param parts folder or file below the conformance data, handed to `body` as an absolute path
 */
export function describeConformance(
  name: string,
  parts: readonly string[],
  body: (path: string) => void,
): void {
  const path = conformancePath(...parts);
  if (path !== null) {
    describe(name, () => body(path));
    return;
  }
  describe(name, () => {
    it.skip(`needs ${parts.join('/')} below $BINNACLE_CONFORMANCE, which is not here`, () => {});
  });
}
