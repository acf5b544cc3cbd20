import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { isScalar, isSeq, visit } from 'yaml';
import type { ConfigDocument } from './config-document.ts';
import type { ImportReport } from './import-report.ts';

/** Lists of files under these keys, and every text under a key that ends in `_file`. */
const LISTS: ReadonlySet<string> = new Set(['files', 'scrape_config_files']);

/**
 * Paths in a configuration are relative to where it lies, so they change as it moves.
 * @param from the file that it was
 * @param into the folder that it will be in
 */
export function movePaths(
  document: ConfigDocument,
  options: { readonly from: string; readonly into: string; readonly report: ImportReport },
): void {
  const { from, into, report } = options;
  const move = (node: unknown): void => {
    if (!isScalar(node) || typeof node.value !== 'string' || node.value === '') return;
    report.note(`reads ${node.value}: it has to be where the new configuration says`);
    if (!isAbsolute(node.value)) node.value = relative(into, resolve(dirname(from), node.value));
  };
  visit(document.document, {
    Pair(_key, pair) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      // Logs are written, not read.
      if (key.endsWith('_log_file')) return;
      if (key.endsWith('_file')) move(pair.value);
      else if (LISTS.has(key) && isSeq(pair.value)) for (const item of pair.value.items) move(item);
    },
  });
}
