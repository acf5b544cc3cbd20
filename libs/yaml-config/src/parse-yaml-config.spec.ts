import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigTextError, parseYamlConfig, yamlText } from './index.ts';

const schema = z.strictObject({
  listen: z.strictObject({ port: z.int().min(0).max(65_535).default(9370) }).prefault({}),
  jobs: z
    .array(z.strictObject({ name: z.string(), kind: z.enum(['http', 'tcp']).default('http') }))
    .default([]),
});

function messageFor(text: string): string {
  try {
    parseYamlConfig(text, schema, { file: 'c.yml' });
  } catch (error) {
    if (error instanceof ConfigTextError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('parseYamlConfig', () => {
  it('takes an empty text for an empty object with its defaults', () => {
    expect(parseYamlConfig('', schema, { file: 'c.yml' })).toEqual({
      listen: { port: 9370 },
      jobs: [],
    });
  });
  it.each([
    ['lisen: {}', /^c\.yml:1: lisen: unknown key "lisen"; accepted are jobs, listen$/],
    ['listen:\n  port: x\n', /^c\.yml:2: listen\.port: .*expected (int|number)/],
    [
      'jobs:\n  - name: a\n  - name: b\n    kind: udp\n',
      /^c\.yml:4: jobs\[1\]\.kind: .*"http"\|"tcp"/,
    ],
    [
      'jobs:\n  - kind: tcp\n    nam: b\n',
      /c\.yml:3: jobs\[0\]\.nam: unknown key "nam"; accepted are kind, name/,
    ],
    ['a: [\n', /^c\.yml:2: /],
    ['a: 1\na: 2\n', /^c\.yml:2: Map keys must be unique/],
    ['- 1', /^c\.yml:1: .*expected object/],
  ])('refuses %j with file, line and what is accepted', (text, expected) => {
    expect(messageFor(text)).toMatch(expected);
  });
  it('tells every problem at once', () => {
    expect(messageFor('x: 1\nlisten:\n  port: 70000\n').split('\n')).toHaveLength(2);
  });
  it('does not repeat a value, which may be a secret', () => {
    expect(messageFor('listen:\n  port: s3cret\njobs: s3cret\n')).not.toContain('s3cret');
  });
  it('refuses a text that expands to gigabytes', () => {
    const levels = Array.from({ length: 12 }, (_, i) =>
      i === 0 ? 'a0: &a0 [x, x]' : `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}*a${i - 1}]`,
    );
    expect(messageFor(levels.join('\n'))).toMatch(/alias/i);
  });
  it('tells no more than a hundred problems of a text that is nothing else', () => {
    expect(messageFor('}'.repeat(10_000)).split('\n')).toHaveLength(100);
    expect(messageFor('jobs:\n' + '  - {}\n'.repeat(10_000)).split('\n')).toHaveLength(100);
    expect(
      messageFor(Array.from({ length: 1_000 }, (_, i) => `k${i}: 1\n`).join('')).split('\n'),
    ).toHaveLength(100);
  });
  it('looks at 40,000 keys without comparing each with every other', () => {
    const keys = Array.from({ length: 40_000 }, (_, i) => `k${i}: 1\n`).join('');
    expect(messageFor(`${keys}k7: 2\n`)).toBe('c.yml:40001: Map keys must be unique');
  });
  it.each([
    ['brackets', '['.repeat(50_000), 'c.yml:1: the text is nested too deeply'],
    ['lists', '- '.repeat(1_500), 'c.yml:1: the text is nested too deeply'],
    ['lists beyond the stack', '- '.repeat(30_000), 'c.yml:1: the text is nested too deeply'],
  ])('refuses a text of %s in one another', (_what, text, expected) => {
    expect(messageFor(text)).toBe(expected);
  });
  it('refuses a text over its size limit', () => {
    expect(() => parseYamlConfig('#'.repeat(11), schema, { file: 'c.yml', maxLength: 10 })).toThrow(
      /at most 10/,
    );
  });
  it('takes ${NAME} from the environment, as a number where it is one', () => {
    const env = { PORT: '9999', NAME: 'a\nkind: tcp' };
    const text = 'listen:\n  port: ${PORT}\njobs:\n  - name: x-${NAME}\n';
    expect(parseYamlConfig(text, schema, { file: 'c.yml', env })).toEqual({
      listen: { port: 9999 },
      jobs: [{ name: 'x-a\nkind: tcp', kind: 'http' }],
    });
  });
  it('names the variable that is not set, and its line', () => {
    expect(() =>
      parseYamlConfig('jobs:\n  - name: ${NO_SUCH}\n', schema, { file: 'c.yml', env: {} }),
    ).toThrow('c.yml:2: the environment variable NO_SUCH is not set');
  });
  it('leaves the groups of relabelling alone', () => {
    const free = z.object({ relabel_configs: z.array(z.object({ replacement: z.string() })) });
    const text = 'relabel_configs:\n  - replacement: ${name}-${1}\n';
    expect(parseYamlConfig(text, free, { file: 'c.yml', env: {} })).toEqual({
      relabel_configs: [{ replacement: '${name}-${1}' }],
    });
  });
  it('keeps what stands in the file where a text is wanted and a number is written', () => {
    const texts = z.strictObject({
      labels: z.record(z.string(), yamlText().max(10)).optional(),
      list: z.array(yamlText()).default([]),
      either: z.union([yamlText(), z.strictObject({ a: yamlText() })]).optional(),
      factor: z.number().optional(),
    });
    const yaml =
      'labels: {v: 1.10, t: true, h: 0x1F, s: "x", __proto__: 1}\nlist: [007]\neither: {a: 1e3}\nfactor: 1.0\n';
    const parsed = parseYamlConfig(yaml, texts, { file: 'c.yml' });
    expect(Object.entries(parsed.labels ?? {})).toEqual([
      ['v', '1.10'],
      ['t', 'true'],
      ['h', '0x1F'],
      ['s', 'x'],
    ]);
    expect([parsed.list, parsed.either, parsed.factor]).toEqual([['007'], { a: '1e3' }, 1]);
  });
  it('says what is wrong with a key', () => {
    const names = z.record(z.string().regex(/^[a-z]+$/, { error: 'only letters' }), z.string());
    expect(() => parseYamlConfig('a: x\nb c: y\n', names, { file: 'c.yml' })).toThrow(
      'c.yml:2: b c: only letters',
    );
  });
});
