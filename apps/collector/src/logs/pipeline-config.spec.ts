import { describe, expect, it } from '@jest/globals';
import { logSourceOf } from '#libs/log-pipeline';
import { parseYamlConfig } from '#libs/yaml-config';
import { z } from 'zod';
import { logsConfigSchema } from './logs-config.ts';
import { PipelineFactory } from './pipeline-config.ts';

const SCHEMA = z.strictObject({ logs: logsConfigSchema });

function parse(logs: string): z.output<typeof logsConfigSchema> {
  return parseYamlConfig(`logs:\n${logs}`, SCHEMA, { file: 'c.yml' }).logs;
}

function complaint(logs: string): string {
  try {
    parse(logs);
  } catch (error) {
    return String(error);
  }
  return 'accepted';
}

/** What becomes of raw lines of the first group. */
function messages(logs: string, lines: readonly string[]): string[] {
  const config = parse(logs);
  const pipeline = new PipelineFactory(config).create(config.files[0]!);
  const bytes = Buffer.from(lines.join('\n'));
  const lineStarts = Uint32Array.from(
    lines,
    (_, i) => lines.slice(0, i).join('\n').length + (i > 0 ? 1 : 0),
  );
  const batch = {
    group: 'a',
    path: '/x',
    fileKey: 'f',
    bytes,
    lineCount: lines.length,
    lineStarts,
    lineEnds: lineStarts.map((start, i) => start + lines[i]!.length),
    firstOffset: 0,
    endOffset: bytes.length,
  };
  const source = logSourceOf('/x', null, {}, { labels: [], annotations: [] });
  const { records } = pipeline.process(batch, source, 0);
  const texts = (from: typeof records | null): string[] => {
    const shipped = from === null ? null : pipeline.ship('f', from, 0);
    return Array.from({ length: shipped?.count ?? 0 }, (_, row) => shipped!.text(row));
  };
  return [...texts(records), ...texts(pipeline.end('f', 0))];
}

const FILES = '  files: [{name: a, include: [x]';

describe('what is configured for records', () => {
  it('becomes a pipeline', () => {
    const logs = `${FILES}, parser: p, multiline: [dated, auto], drop: [{levels: [debug]}], sample: [{pattern: cache, keep: 0}], rate_limit: {lines: 1, burst: 2}, redact: {kinds: [emails]}}]
  parsers: [{name: p, format: regex, pattern: '^(?<t>\\S+) (?<level>\\w+) (?s:(?<message>.*))', time_field: t, time_format: '%H:%M', time_offset: '+02:00'}]
  multiline_rules: [{name: dated, start: '^[0-9]{2}:'}]`;
    expect(
      messages(logs, [
        '10:00 ERROR a@b.co',
        'more',
        '10:01 debug x',
        '10:02 info cache',
        '10:03 info one',
        '10:04 info two',
      ]),
    ).toEqual([
      '[redacted emails]\nmore',
      'one',
      '[binnacle] 1 lines dropped: more than 1 a second',
    ]);
  });

  it.each([
    [`${FILES}, parser: none}]`, 'logs.files[0].parser: no parser is called none; there are json'],
    [
      `${FILES}, multiline: [java, cobol]}]`,
      'no multiline rule is called cobol; there are auto, java',
    ],
    [`${FILES}, drop: [{}]}]`, 'an empty rule would drop everything'],
    [`${FILES}, drop: [{levels: [loud]}]}]`, 'levels'],
    [`${FILES}, drop: [{pattern: '('}]}]`, 'missing closing'],
    [`${FILES}, sample: [{keep: 2}]}]`, 'keep'],
    [`${FILES}, rate_limit: {lines: 0}}]`, 'rate_limit'],
    [`${FILES}, redact: {kinds: [names]}}]`, 'accepted are tokens, secrets, emails, cards'],
    [`${FILES}, redact: {patterns: [{name: a, pattern: '('}]}}]`, 'missing closing'],
    ['  parsers: [{name: a, format: xml}]', 'accepted are json, logfmt, regex, grok'],
    ['  parsers: [{name: a, format: regex}]', 'format regex needs a pattern'],
    ['  parsers: [{name: a, format: json, pattern: x}]', 'format json has no pattern'],
    ['  parsers: [{name: a, format: regex, pattern: x}]', 'no group has a name'],
    ['  parsers: [{name: a, format: json, time_format: "%Q"}]', '%Q is not known'],
    ['  parsers: [{name: a, format: json, time_offset: CET}]', 'accepted are UTC and offsets'],
    ['  parsers: [{name: a, format: json}, {name: a, format: json}]', 'another one called a'],
    ['  multiline_rules: [{name: a}]', 'give start or states'],
    ['  multiline_rules: [{name: a, start: "("}]', 'missing closing'],
    ['  multiline_limits: {size: 1B}', 'accepted are 1KiB to 16MiB'],
  ])('is refused with a reason: %s', (logs, expected) => {
    expect(complaint(logs)).toContain(expected);
  });
});
