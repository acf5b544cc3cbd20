import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { logSourceOf, multilineRuleOf, START_STATE, type TextEncoding } from '#libs/log-pipeline';
import { describeConformance } from '../support/conformance.ts';
import { KnownFailures } from '../support/known-failures.ts';
import { FLUENT_BIT_KNOWN_FAILURES } from './fluent-bit-logs.known-failures.ts';
import { NO_FIELDS, recordsOf, type RecordsOptions } from './log-records.ts';

const SOURCE = logSourceOf('/0.log', null, {}, NO_FIELDS);
const DATED = multilineRuleOf({
  name: 'dated',
  steps: [{ state: START_STATE, regex: '^\\d{4}-\\d\\d-\\d\\d ', next: 'open' }],
  rest: { regex: null },
});
/** A record begins with a date; whatever has none and comes before the first is one of its own. */
const DATED_ONLY = multilineRuleOf({
  name: 'dated',
  steps: [
    { state: START_STATE, regex: '^\\d{4}-\\d\\d-\\d\\d ', next: 'open' },
    { state: 'open', regex: '^[^\\d]', next: 'open' },
  ],
});
/** What the samples were read with, where that is more than the format. */
const OPTIONS: Readonly<Record<string, RecordsOptions>> = {
  dockermode_multiple_lines: { rules: [DATED], multiline: ['dated'] },
  dockermode_splitted_multiple_lines: { rules: [DATED], multiline: ['dated'] },
  dockermode_firstline_detection: { rules: [DATED_ONLY], multiline: ['dated'] },
  multiline_001: { multiline: ['java'] },
  'options/options_keep-log-disabled_json': { parser: 'json' },
};

/** By the part of a sample's name behind `generic_enc_`. */
const ENCODINGS: ReadonlyMap<string, TextEncoding> = new Map<string, TextEncoding>([
  ['big5', 'big5'],
  ['gb18030', 'gb18030'],
  ['gbk', 'gbk'],
  ['sjis', 'shift_jis'],
  ['win1250', 'windows-1250'],
  ['win1251', 'windows-1251'],
  ['win1252', 'windows-1252'],
  ['win1253', 'windows-1253'],
  ['win1254', 'windows-1254'],
  ['win1255', 'windows-1255'],
  ['win1256', 'windows-1256'],
]);

const known = new KnownFailures(FLUENT_BIT_KNOWN_FAILURES);

function messagesOf(file: string | Buffer, isDocker: boolean, options: RecordsOptions): string[] {
  const records = recordsOf(file, isDocker ? 'docker-json' : 'raw', SOURCE, options);
  return records.map((record) => String(record['text'] ?? record['message']).trimEnd());
}

/** The samples leave out what their reader did not look at; Docker does not. */
function asDockerWrites(path: string): Buffer {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return Buffer.from(
    lines
      .map((line) => line.replace(/\}$/, ',"stream":"stdout","time":"2026-03-01T08:00:00Z"}'))
      .map((line) => `${line}\n`)
      .join(''),
  );
}

/** The texts of what Fluent Bit made of it, not its form. */
function textsIn(path: string): string[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => {
    const parsed = JSON.parse(line) as unknown;
    const record = (Array.isArray(parsed) ? parsed[1] : parsed) as Record<string, unknown>;
    return String(record['log'] ?? record['message'] ?? record['text']).trimEnd();
  });
}

describeConformance('files as Fluent Bit tails them', ['logs', 'fluent-bit', 'tail'], (folder) => {
  const logs = new Set(readdirSync(join(folder, 'log')));
  const names = readdirSync(join(folder, 'out')).map((name) => name.replace(/\.out$/, ''));

  it.each(names.filter((name) => logs.has(`${name}.log`)))('%s', async (name) => {
    await known.run(`tail/${name}`, () => {
      const path = join(folder, 'log', `${name}.log`);
      const isDocker = name.startsWith('dockermode');
      const encoding = ENCODINGS.get(name.replace('generic_enc_', ''));
      const expected = textsIn(join(folder, 'out', `${name}.out`));
      const file = isDocker ? asDockerWrites(path) : path;
      const options = encoding === undefined ? (OPTIONS[name] ?? {}) : { encoding };
      const messages = messagesOf(file, isDocker, options);
      // Of some samples in other encodings the last line is not among what was made of them.
      const isOneMore = encoding !== undefined && messages.length === expected.length + 1;
      expect(isOneMore ? messages.slice(0, -1) : messages).toEqual(expected);
    });
  });
});

describeConformance('containers’ files', ['logs', 'fluent-bit', 'kubernetes'], (folder) => {
  const samples = ['core', 'options'].flatMap((group) =>
    readdirSync(join(folder, 'log', group)).map((name) => join(group, name.slice(0, -4))),
  );

  it.each(samples)('%s', async (name) => {
    await known.run(`kubernetes/${name}`, () => {
      const [group = '', base = ''] = name.split('/');
      const outs = readdirSync(join(folder, 'out', group)).filter(
        (out) => out === `${base}.out` || out.startsWith(`${base}_std`),
      );
      const texts = outs.flatMap((out) => textsIn(join(folder, 'out', group, out)));
      expect(texts.length).toBeGreaterThan(0);
      const messages = messagesOf(join(folder, 'log', `${name}.log`), true, OPTIONS[name] ?? {});
      expect(new Set(messages)).toEqual(new Set(texts));
      expect(messages).toHaveLength(texts.length);
    });
  });
});

describeConformance(
  'the examples of records of several lines',
  ['logs', 'fluent-bit', 'multiline'],
  (folder) => {
    it.each([
      ['regex-001', ['single line...', 'another line...', '']],
      ['filter_multiline', ['single line...', 'another line...', 'one more line, no multiline']],
    ])('%s', async (name, single) => {
      await known.run(`multiline/${name}`, () => {
        const path = join(folder, `${name}.log`);
        const lines = readFileSync(path, 'utf8').replace(/\n$/, '').split('\n');
        const expected: string[] = [];
        let open: string[] = [];
        for (const line of [...lines, single[0]!]) {
          if (!single.includes(line)) open.push(line);
          else {
            if (open.length > 0) expected.push(open.join('\n').trimEnd());
            open = [];
            expected.push(line);
          }
        }
        // The last one only closes what was open.
        expected.pop();
        expect(messagesOf(path, false, { multiline: ['java', 'go'] })).toEqual(expected);
      });
    });

    it('has no known failure that is not there any more', () => {
      expect(known.unseen).toEqual([]);
    });
  },
);
