import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from '@jest/globals';
import {
  containsInstant,
  formatMatcher,
  MatcherTextError,
  parseAlertmanagerConfig,
  parseClassicMatchers,
  parseUtf8Matchers,
} from '#libs/dispatch';
import { ConfigTextError } from '#libs/yaml-config';
import { describeConformance } from '../support/conformance.ts';
import { KnownFailures } from '../support/known-failures.ts';
import { ALERTMANAGER_CONFIG_KNOWN_FAILURES } from './alertmanager.known-failures.ts';

/* What a real Alertmanager accepts and refuses. */

interface MatcherRecord {
  readonly input: string;
  readonly utf8: ParserVerdict;
  readonly classic: ParserVerdict;
}

interface ParserVerdict {
  readonly error?: string;
  readonly matchers?: readonly object[];
}

interface TimeIntervalRecord {
  readonly yaml: string;
  readonly error?: string;
  readonly checks?: readonly { readonly time: string; readonly contains: boolean }[];
}

interface ConfigVerdicts {
  readonly results: readonly { readonly file: string; readonly exit: number }[];
}

const ROUTE = 'route: {receiver: r}\nreceivers: [{name: r}]\n';

function readLines<T>(path: string): T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

describeConformance('matcher texts', ['alertmanager', 'golden', 'matchers.ndjson'], (path) => {
  const parsers = { utf8: parseUtf8Matchers, classic: parseClassicMatchers };
  const cases = readLines<MatcherRecord>(path).flatMap((record) =>
    (['utf8', 'classic'] as const).map((parser) => [parser, record.input, record[parser]] as const),
  );
  it.each(cases)('%s parser: %j', (parser, input, verdict) => {
    let found: readonly object[] | null;
    try {
      found = parsers[parser](input).map((matcher) => ({
        name: matcher.name,
        op: matcher.kind,
        value: matcher.value,
        string: formatMatcher(matcher),
      }));
    } catch (error) {
      if (!(error instanceof MatcherTextError)) throw error;
      found = null;
    }
    expect(found).toEqual(verdict.matchers ?? null);
  });
});

describeConformance(
  'time intervals',
  ['alertmanager', 'golden', 'time-intervals.ndjson'],
  (path) => {
    it.each(readLines<TimeIntervalRecord>(path).map((record) => [record.yaml, record] as const))(
      '%j',
      (yaml, { error: expectedError, checks = [] }) => {
        const entry = yaml.replaceAll('\n', '\n    ');
        const text = `${ROUTE}time_intervals:\n- name: x\n  time_intervals:\n  - ${entry}\n`;
        const isRefused = messageFor(text, 'c.yml') !== null;
        const [interval] = isRefused
          ? []
          : parseAlertmanagerConfig(text, 'c.yml').timeIntervals.get('x')!;
        const found = checks.map(({ time }) => containsInstant(interval!, Date.parse(time)));
        expect(isRefused).toBe(expectedError !== undefined);
        expect(found).toEqual(checks.map((check) => check.contains));
      },
    );
  },
);

describeConformance('configurations', ['alertmanager'], (root) => {
  const verdicts = JSON.parse(
    readFileSync(join(root, 'golden', 'check-config.json'), 'utf8'),
  ) as ConfigVerdicts;
  it('has a verdict for every file', () => {
    const files = readdirSync(join(root, 'config-testdata'));
    const judged = new Set(verdicts.results.map(({ file }) => basename(file)));
    expect(files.filter((file) => !judged.has(file))).toEqual([]);
  });

  const known = new KnownFailures(ALERTMANAGER_CONFIG_KNOWN_FAILURES);
  it.each(verdicts.results.map(({ file, exit }) => [file, isAccepted(file, exit)] as const))(
    '%s: accepted: %j',
    async (file, shouldBeAccepted) => {
      await known.run(file, () => {
        const message = messageFor(readFileSync(join(root, file), 'utf8'), basename(file));
        expect(message === null).toBe(shouldBeAccepted);
      });
    },
  );

  it('knows every failure that is listed', () => {
    expect(known.unseen).toEqual([]);
  });

  it.each(verdicts.results.map(({ file }) => file))('%s: a refusal names file and line', (file) => {
    const message = messageFor(readFileSync(join(root, file), 'utf8'), basename(file));
    const places = (message ?? '').split('\n').filter((line) => line !== '');
    expect(places.filter((line) => !/^[^:]+[.]ya?ml:[0-9]+: /.test(line))).toEqual([]);
  });
});

/** Route labels are new in 0.34; the recorded verdict is that of 0.33. */
function isAccepted(file: string, exit: number): boolean {
  return exit === 0 || file === 'examples/route_labels.yml';
}

function messageFor(text: string, file: string): string | null {
  try {
    parseAlertmanagerConfig(text, file);
    return null;
  } catch (error) {
    if (error instanceof ConfigTextError) return error.message;
    throw error;
  }
}
