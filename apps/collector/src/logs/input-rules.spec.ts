import { describe, expect, it } from '@jest/globals';
import {
  EventPipeline,
  JSON_FIELD,
  type LogSource,
  NUMBER_FIELD,
  PACKED_FIELD,
  ParserSet,
  TEXT_FIELD,
} from '#libs/log-pipeline';
import { type InputMatch, InputRules, tagMatcher, unpackField } from './input-rules.ts';
import { RecordBuilder } from './record-builder.ts';

function pipeline(): EventPipeline {
  return new EventPipeline({
    parsers: new ParserSet([]),
    parser: null,
    shipping: { drop: [], sample: [], rateLimit: null, redact: { kinds: [], patterns: [] } },
    obeysAnnotations: false,
  });
}

function sourceOf(namespace: string): LogSource {
  const identity = { namespace, pod: '', container: '', workload: '' };
  return { path: '', podPath: null, pod: null, identity, attributes: {} };
}

const ALL: InputMatch = { inputs: null, tags: null, namespaces: null };

describe('tags of rules', () => {
  it.each([
    ['a.b', ['a.b'], ['a.bc', 'xa.b', '']],
    ['a.*', ['a.', 'a.b', 'a.b.c'], ['a', 'b.a.c']],
    ['*.log', ['.log', 'x.log'], ['log', 'x.log.1']],
    ['a*b*c', ['abc', 'a-b-c', 'abbcc'], ['ac', 'acb', 'ab']],
    ['aa*aa', ['aaaa', 'aaxaa'], ['aaa', 'aa']],
    ['*', ['', 'x'], []],
    ['a*ba*a', ['abaa', 'a-ba-a'], ['aba']],
  ])('%s', (pattern, matching, others) => {
    const matches = tagMatcher(pattern);
    for (const tag of matching) expect([tag, matches(tag)]).toEqual([tag, true]);
    for (const tag of others) expect([tag, matches(tag)]).toEqual([tag, false]);
  });
});

describe('rules of inputs', () => {
  const rules = new InputRules(
    [
      { name: 'shop', match: { ...ALL, namespaces: ['shop'] }, pipeline: pipeline() },
      {
        name: 'apps',
        match: { ...ALL, inputs: ['forward'], tags: ['app.*'] },
        pipeline: pipeline(),
      },
      { name: 'rest', match: { ...ALL, inputs: ['forward', 'otlp'] }, pipeline: pipeline() },
    ],
    pipeline,
  );

  it.each([
    ['forward', 'app.x', 'shop', 'shop'],
    ['forward', 'app.x', 'other', 'apps'],
    ['forward', 'sys', '', 'rest'],
    ['syslog', 'app.x', '', 'syslog'],
    ['otlp', 'app.x', '', 'rest'],
  ])('mean records of %s with the tag %s and the namespace "%s"', (input, tag, namespace, name) => {
    const group = rules.groupOf(input, tag, sourceOf(namespace));
    expect(group.name).toBe(name);
    expect(rules.groupOf(input, tag, sourceOf(namespace))).toBe(group);
    expect(rules.groups).toContain(group);
  });
});

describe('fields that came packed', () => {
  it.each<readonly [string, unknown, number, string]>([
    ['a list', [1, 'a', null], JSON_FIELD, '[1,"a",null]'],
    ['a map', { a: { __proto__: null, b: 'c' } }, JSON_FIELD, '{"a":{"b":"c"}}'],
    ['bytes in it', { a: Buffer.from('hi') }, JSON_FIELD, '{"a":"hi"}'],
    ['bytes', Buffer.from('hi'), TEXT_FIELD, 'hi'],
    ['a long number', 4_111_111_111_111_111, NUMBER_FIELD, '4111111111111111'],
    ['a small one', 1.234_567_890_123_456, NUMBER_FIELD, '1.234567890123456'],
    ['one that is none', Number.NaN, JSON_FIELD, 'null'],
  ])('are looked into: %s', (_name, value, kind, text) => {
    const builder = new RecordBuilder();
    builder.begin(sourceOf(''), 0, 0, 0);
    builder.field('a', value);
    builder.end();
    const { records } = builder.parts[0]!;
    expect(records.fields!.kinds[0]).toBe(PACKED_FIELD);
    unpackField(records, 0);
    const { kinds, valueStarts, valueEnds } = records.fields!;
    expect(records.extra.toString('utf8', valueStarts[0], valueEnds[0])).toBe(text);
    expect(kinds[0]).toBe(kind);
  });

  it('keep all digits', () => {
    const bytes = Buffer.from('cfffffffffffffffff', 'hex');
    const builder = new RecordBuilder(bytes);
    builder.begin(sourceOf(''), 0, 0, 0);
    builder.field('a', [1]);
    builder.end();
    const { records } = builder.parts[0]!;
    const fields = records.fields!;
    fields.isValueExtra[0] = 0;
    fields.valueStarts[0] = 0;
    fields.valueEnds[0] = 9;
    unpackField(records, 0);
    const text = records.extra.toString('utf8', fields.valueStarts[0], fields.valueEnds[0]);
    expect(text).toBe('18446744073709551615');
  });
});
