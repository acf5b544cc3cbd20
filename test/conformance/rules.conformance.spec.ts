import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { parseRuleFile, RuleFileError } from '#libs/rules';
import { conformancePath, describeConformance } from '../support/conformance.ts';

interface FileRecord {
  file: string;
  kind: string;
  groups?: number;
  alerting_rules?: number;
  recording_rules?: number;
  check_rules?: { exit: number; output: string };
}

/** promtool 3.5.3 ran without feature flags. */
const NO_FEATURES = {
  experimentalFunctions: false,
  durationExpressions: false,
  extendedRangeSelectors: false,
  fillModifiers: false,
};

describeConformance('promtool check rules', ['rules', 'index.json'], (indexPath) => {
  const index = JSON.parse(readFileSync(indexPath, 'utf8')) as { files: FileRecord[] };
  const checked = index.files.filter((record) => record.check_rules !== undefined);

  function verdict(record: FileRecord): string {
    const text = readFileSync(conformancePath('rules', record.file)!, 'utf8');
    try {
      const file = parseRuleFile(text, { file: record.file, features: NO_FEATURES });
      const rules = file.groups.flatMap((group) => group.rules);
      const alerting = rules.filter((rule) => rule.kind === 'alerting').length;
      return `accepted: ${file.groups.length} groups, ${alerting} alerting, ${rules.length - alerting} recording`;
    } catch (error) {
      if (error instanceof RuleFileError) return `refused: ${error.message}`;
      throw error;
    }
  }

  const isAccepted = (record: FileRecord): boolean => record.check_rules!.exit === 0;

  it.each(checked.filter(isAccepted).map((record) => [record.file, record] as const))(
    '%s is accepted',
    (_, record) => {
      expect(verdict(record)).toBe(
        `accepted: ${record.groups} groups, ${record.alerting_rules} alerting, ${record.recording_rules} recording`,
      );
    },
  );

  const refused = checked.filter((record) => !isAccepted(record));
  it.each(refused.map((record) => [record.file, record] as const))(
    '%s is refused with a place and the reason',
    (_, record) => {
      const answer = verdict(record);
      expect(answer).toMatch(/^refused: [^:]+:\d+: /);
      expect(answer).toContain(reasonOf(record.check_rules!.output));
    },
  );
});

/** What promtool says is wrong, without file, position and rule. */
function reasonOf(output: string): string {
  const line = output.split('\n').find((each) => /\.ya?ml: /.test(each)) ?? '';
  // Its YAML reader has words of its own for a field it does not know.
  const unknownField = /field (\w+) not found/.exec(output)?.[1];
  if (unknownField !== undefined) return `unknown field "${unknownField}"`;
  return line.replace(/^\S+: (?:\d+:\d+: )*(?:group "[^"]*", rule \d+, "(?:\\.|[^"\\])*": )?/, '');
}
