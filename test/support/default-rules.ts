import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from '@jest/globals';
import { parseRuleFile, type RuleConfig } from '#libs/rules';

const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

export const rulesFolder = join(repositoryRoot, 'deploy', 'rules');
export const runbooksFolder = join(repositoryRoot, 'docs', 'runbooks');

/** The rule files of the default install, as absolute paths. */
export function defaultRuleFiles(): string[] {
  return filesOf(rulesFolder).filter((file) => !file.endsWith('kustomization.yaml'));
}

/** The unit tests of the default rules, as absolute paths. */
export function defaultRuleTests(): string[] {
  return filesOf(join(rulesFolder, 'tests'));
}

export function defaultRules(): RuleConfig[] {
  return defaultRuleFiles().flatMap((file) =>
    parseRuleFile(readFileSync(file, 'utf8'), { file }).groups.flatMap(({ rules }) => rules),
  );
}

/** A suite over the list of alerts that the install must have; without the list it is one skipped test. */
export function describeAlertsList(name: string, body: (text: string) => void): void {
  const shared = process.env['BINNACLE_SHARED'] ?? join(repositoryRoot, '..', 'shared');
  const path = join(shared, 'ALERTS.md');
  if (existsSync(path)) {
    describe(name, () => body(readFileSync(path, 'utf8')));
    return;
  }
  describe(name, () => {
    it.skip('needs ALERTS.md below $BINNACLE_SHARED, which is not here', () => {});
  });
}

export interface ListedAlert {
  readonly name: string;
  /** Letters of severities; empty where the list does not say. */
  readonly severities: readonly string[];
  /** Values of `for`; empty where the list does not say. */
  readonly durations: readonly string[];
}

/** The alerts of the list's table. A severity after several names separated by commas is that of all of them. */
export function parseAlertsList(text: string): ListedAlert[] {
  const found: ListedAlert[] = [];
  for (const line of text.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    const [, area = '', alerts = ''] = cells;
    if (cells.length < 5 || area === 'Area' || area.startsWith('--')) continue;
    const sharesSuffix = !area.startsWith('The stack');
    const flat = alerts.replaceAll(/\([^)]*\)/g, (inside) =>
      /\b[CW]\b/.test(inside) && !/critical/.test(inside) ? inside.replaceAll(/[;,()]/g, ' ') : '',
    );
    for (const part of flat.split(';')) found.push(...parsePart(part, sharesSuffix));
  }
  return found;
}

function parsePart(part: string, sharesSuffix: boolean): ListedAlert[] {
  const found: ListedAlert[] = [];
  let waiting: string[] = [];
  for (const item of part.split(',').map((text) => text.trim())) {
    const [head, suffix] = splitOnce(item);
    const names = head.split('/').map((name) => name.replace('*', ''));
    if (!names.every((name) => /^[A-Z][A-Za-z]{5,}$/.test(name))) continue;
    const severities = suffix.match(/\b[CWI]\b/g) ?? [];
    const durations = suffix.match(/\b\d+[mh]\b/g) ?? [];
    if (severities.length === 0 && sharesSuffix) {
      waiting.push(...names);
      continue;
    }
    for (const name of [...waiting, ...names]) found.push({ name, severities, durations });
    waiting = [];
  }
  return [...found, ...waiting.map((name) => ({ name, severities: [], durations: [] }))];
}

function splitOnce(text: string): [string, string] {
  const at = text.search(/\s/);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

function filesOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.ya?ml$/.test(name))
    .toSorted()
    .map((name) => join(folder, name));
}
