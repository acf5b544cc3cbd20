import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { ConfigTextError, parseYamlConfigs } from './index.ts';

const output = z.strictObject({
  name: z.string().optional(),
  url: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});
const schema = z.strictObject({
  global: z
    .strictObject({ interval: z.string().optional(), labels: z.record(z.string(), z.string()) })
    .optional(),
  outputs: z.record(z.string(), z.array(output)).optional(),
  files: z.array(z.string()).optional(),
  jobs: z.array(z.strictObject({ job_name: z.string(), scheme: z.string().optional() })).optional(),
  logs: z.strictObject({ max: z.int() }).optional(),
});

function merged(...texts: readonly string[]): unknown {
  return parseYamlConfigs(
    texts.map((text, index) => ({ file: `${'abc'[index]!}.yml`, text })),
    schema,
    { env: { HOST: 'h' } },
  );
}

function messageFor(...texts: readonly string[]): string {
  try {
    merged(...texts);
  } catch (error) {
    if (error instanceof ConfigTextError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('a configuration in several files', () => {
  it.each([
    ['keys of both', ['logs: {max: 1}', 'files: [x]'], { logs: { max: 1 }, files: ['x'] }],
    [
      'items of both, in the order of the files',
      ['files: [b, a]', 'files: [c, b]'],
      { files: ['b', 'a', 'c', 'b'] },
    ],
    [
      'keys of both further down',
      ['global: {interval: 1s, labels: {a: x}}', 'global: {labels: {b: y}}'],
      { global: { interval: '1s', labels: { a: 'x', b: 'y' } } },
    ],
    [
      'one item where both have its name',
      [
        'outputs: {w: [{url: u}, {name: e, url: v}]}',
        'outputs: {w: [{name: n}, {name: e, headers: {h: "1"}}]}',
      ],
      {
        outputs: { w: [{ url: 'u' }, { name: 'e', url: 'v', headers: { h: '1' } }, { name: 'n' }] },
      },
    ],
    [
      'one job where both have its job_name',
      ['jobs: [{job_name: j}]', 'jobs: [{job_name: j, scheme: https}]'],
      { jobs: [{ job_name: 'j', scheme: 'https' }] },
    ],
    ['what both say', ['logs: {max: 1}', 'logs: {max: 1}'], { logs: { max: 1 } }],
    ['nothing of an empty file', ['logs: {max: 1}', '# none\n', ''], { logs: { max: 1 } }],
    [
      'nothing of an empty key',
      ['files:\nlogs: {max: 1}', 'files: [x]\nlogs:\n'],
      { logs: { max: 1 }, files: ['x'] },
    ],
    [
      'each file’s variables and anchors',
      ['files: [&a "${HOST}"]', 'files: [&a y, *a]'],
      { files: ['h', 'y', 'y'] },
    ],
    ['nothing at all', ['', ''], {}],
  ])('has %s', (_name, texts, expected) => {
    expect(merged(...texts)).toEqual(expected);
  });

  it.each([
    [
      'a scalar',
      ['logs:\n  max: 1\n', '\n\nlogs: {max: 2}\n'],
      'b.yml:3: logs.max: a.yml:2 says something else; only one of the files may say it',
    ],
    [
      'a list for a map',
      ['logs: {max: 1}', 'logs: [1]'],
      'b.yml:1: logs: a.yml:1 says something else; only one of the files may say it',
    ],
    [
      'a named item',
      [
        'x:\n\noutputs:\n  w:\n  - url: z\n  - name: e\n    url: u\n',
        'outputs:\n  w:\n  - name: e\n    url: v\n',
      ],
      'b.yml:4: outputs.w[1].url: a.yml:7 says something else; only one of the files may say it',
    ],
    [
      'with a file that is itself the sum of two',
      ['files: [x]', 'logs: {max: 1}', 'logs: {max: 2}'],
      'c.yml:1: logs.max: b.yml:1 says something else; only one of the files may say it',
    ],
  ])('is refused for a clash of %s, with both places', (_name, texts, expected) => {
    expect(messageFor(...texts)).toBe(expected);
  });

  it.each([
    [
      'an unknown key',
      ['logs: {max: 1}', '\nlog: {}'],
      /^b\.yml:2: log: unknown key "log"; accepted are /,
    ],
    [
      'an unknown key of a merged map',
      ['logs: {max: 1}', '\nlogs: {min: 1}'],
      /^b\.yml:2: logs\.min: unknown key "min"/,
    ],
    [
      'an appended item',
      ['outputs: {w: [{url: u}]}', 'outputs:\n  w:\n  - ur: u\n'],
      /^b\.yml:3: outputs\.w\[1\]\.ur: unknown key/,
    ],
    [
      'a value of a merged item',
      ['outputs: {w: [{name: e}]}', 'outputs:\n  w:\n  - name: e\n    url: 1\n'],
      /^b\.yml:4: outputs\.w\[0\]\.url: /,
    ],
    [
      'what is missing in all',
      ['global: {interval: 1s}', '\nglobal: {interval: 1s}'],
      /^a\.yml:1: global\.labels: /,
    ],
    ['one that is no map', ['files: []', '- 1'], /^b\.yml:1: a\.yml:1 says something else/],
    ['one that is no YAML', ['files: []', '\n{'], /^b\.yml:2: /],
    [
      'a variable that is not set',
      ['files: []', 'files: ["${NOPE}"]'],
      /^b\.yml:1: the environment variable NOPE is not set/,
    ],
  ])('names the file of %s', (_name, texts, expected) => {
    expect(messageFor(...texts)).toMatch(expected);
  });

  it('takes __proto__ for a key like any other', () => {
    const labels = z.strictObject({ l: z.record(z.string(), z.string()) });
    const texts = ['l: {a: x}', 'l: {__proto__: y}'].map((text) => ({ file: 'f', text }));
    const { l } = parseYamlConfigs(texts, labels);
    expect(Object.getPrototypeOf(l)).toBe(Object.prototype);
    expect(l['a']).toBe('x');
  });

  it('is the same whatever it is cut into', () => {
    const anything = z.record(z.string(), z.json());
    const value = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,4}$/),
      fc.oneof(
        fc.integer(),
        fc.array(fc.integer(), { minLength: 1 }),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.integer(), { minKeys: 1 }),
      ),
    );
    fc.assert(
      fc.property(value, fc.nat(), (whole, seed) => {
        // Every key goes to one of two files; lists and maps go to both, cut somewhere.
        const parts: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
        Object.entries(whole).forEach(([key, item], index) => {
          const cut = (seed + index) % 3;
          if (Array.isArray(item)) {
            parts[0][key] = item.slice(0, cut);
            parts[1][key] = item.slice(cut);
          } else if (typeof item === 'object') {
            const entries = Object.entries(item);
            parts[0][key] = Object.fromEntries(entries.slice(0, cut));
            parts[1][key] = Object.fromEntries(entries.slice(cut));
          } else parts[cut % 2 === 0 ? 0 : 1][key] = item;
        });
        const texts = parts.map((part) => ({ file: 'f', text: JSON.stringify(part) }));
        expect(parseYamlConfigs(texts, anything)).toEqual(whole);
      }),
    );
  });
});
