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

  it.each(checked.map((record) => [record.file, record] as const))('%s', (_, record) => {
    const exit = record.check_rules!.exit;
    const answer = verdict(record);
    if (exit === 0) {
      expect(answer).toBe(
        `accepted: ${record.groups} groups, ${record.alerting_rules} alerting, ${record.recording_rules} recording`,
      );
      return;
    }
    // The reason is promtool's; a place stands before it.
    expect(answer).toMatch(/^refused: [^:]+:\d+: /);
    const reason = reasonOf(record.check_rules!.output);
    if (reason !== null) expect(answer).toContain(reason);
  });
});

/** What promtool says is wrong, without file, position and rule; null for its YAML reader's own words. */
function reasonOf(output: string): string | null {
  const line = output.split('\n').find((each) => /\.ya?ml: /.test(each)) ?? '';
  if (line.includes('yaml: unmarshal')) return null;
  return line.replace(/^\S+: (?:\d+:\d+: )*(?:group "[^"]*", rule \d+, "(?:\\.|[^"\\])*": )?/, '');
}
