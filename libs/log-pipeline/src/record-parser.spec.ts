import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  JSON_FIELD,
  LOG_LEVELS,
  NUMBER_FIELD,
  type ParserSpec,
  ParserSet,
  RecordBatch,
  RecordParser,
} from './index.ts';

const NOW_MS = Date.parse('2026-03-01T08:00:00Z');

interface Parsed {
  readonly message: string;
  readonly fields: readonly (readonly [string, unknown])[];
  readonly level: string;
  readonly time: number;
  readonly counters: { readonly unparsedLines: number; readonly badTimes: number };
}

function parse(
  spec: Omit<ParserSpec, 'name'> | RecordParser,
  message: string | Buffer,
  groupLabels: readonly string[] = [],
): Parsed {
  const parser = spec instanceof RecordParser ? spec : new RecordParser({ name: 'p', ...spec });
  const bytes = Buffer.from(message);
  const records = new RecordBatch(Buffer.concat([Buffer.from('{"'), bytes, Buffer.from('"}')]), 1);
  records.reserve();
  records.place(0, false, 2, 2 + bytes.length);
  records.levels[0] = 6;
  const counters = { unparsedLines: 0, badTimes: 0 };
  parser.apply(
    records,
    0,
    NOW_MS,
    counters,
    groupLabels.map((name) => Buffer.from(name)),
  );
  const found = records.fields!;
  const fields = Array.from({ length: found.counts[0]! }, (_, i) => {
    const at = found.first[0]! + i;
    const nameBytes = found.isNameExtra[at] === 1 ? records.extra : records.lines;
    const valueBytes = found.isValueExtra[at] === 1 ? records.extra : records.lines;
    const text = valueBytes.toString('utf8', found.valueStarts[at], found.valueEnds[at]);
    const kind = found.kinds[at]!;
    const isPlain = kind === NUMBER_FIELD || kind === JSON_FIELD;
    return [
      nameBytes.toString('utf8', found.nameStarts[at], found.nameEnds[at]),
      isPlain ? (JSON.parse(text) as unknown) : text,
    ] as const;
  });
  return {
    message: records.text(0),
    fields,
    level: LOG_LEVELS.find((_, id) => id === records.levels[0]) ?? '',
    time: records.timeSeconds[0]!,
    counters,
  };
}

const JSON_SPEC = { format: 'json' } as const;
const LOGFMT = { format: 'logfmt' } as const;

describe('JSON messages', () => {
  it('become fields; the message and the level are taken from them', () => {
    const line = String.raw`{"level":"warn","msg":"no \"stock\" 😀","status":200,"ok":true,"a":{"b":[1]},"ms":1.5e1}`;
    expect(parse(JSON_SPEC, line)).toMatchObject({
      message: 'no "stock" 😀',
      level: 'warn',
      fields: [
        ['status', 200],
        ['ok', true],
        ['a', { b: [1] }],
        ['ms', 15],
      ],
      counters: { unparsedLines: 0 },
    });
  });

  it('keep the line and all fields where that is wanted, and levels nobody knows', () => {
    const line = '{"level":"loud","msg":"a"}';
    expect(parse({ ...JSON_SPEC, keepsLine: true }, line)).toMatchObject({
      message: line,
      level: 'unknown',
      fields: [
        ['log_level', 'loud'],
        ['msg', 'a'],
      ],
    });
  });

  it('cannot say where they are from', () => {
    const line =
      '{"namespace":"kube-system","kubernetes":{"pod":"x"},"kubernetes.namespace_name":"y","team":"z","pods":1,"message":{"a":1},"stream":"s"}';
    expect(parse(JSON_SPEC, line, ['team']).fields).toEqual([
      ['log_namespace', 'kube-system'],
      ['log_kubernetes', { pod: 'x' }],
      ['log_kubernetes.namespace_name', 'y'],
      ['log_team', 'z'],
      ['pods', 1],
      ['log_message', { a: 1 }],
      ['log_stream', 's'],
    ]);
  });

  it('may have any names, of which the last of those that are the same counts', () => {
    const line = String.raw`{"__proto__":{"x":1},"constructor":2,"a":1,"b":2,"\u0061":3,"":4}`;
    expect(parse(JSON_SPEC, line).fields).toEqual([
      ['__proto__', Object.fromEntries([['x', 1]])],
      ['constructor', 2],
      ['b', 2],
      ['a', 3],
      ['', 4],
    ]);
  });

  it.each([
    'text',
    '',
    '{',
    '{"a":1',
    '{"a":1]',
    '{"a":nul}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":"\\x"}',
    '{"a":"\\u12"}',
    '{"a":1} trailing',
    '[1]',
    `{${Array.from({ length: 129 }, (_, i) => `"k${i}":1`).join()}}`,
    `{"${'k'.repeat(600)}":1}`,
  ])('that are none stay as they are: %s', (line) => {
    expect(parse(JSON_SPEC, line)).toMatchObject({
      message: line,
      fields: [],
      counters: { unparsedLines: 1 },
    });
  });

  it('are read as JSON.parse does', () => {
    const key = fc.string({ maxLength: 10, unit: 'binary' }).filter((name) => name.isWellFormed());
    const spec = { ...JSON_SPEC, messageFields: [], levelFields: [] };
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 10 }), (object) => {
        const text = JSON.stringify(object);
        const { fields } = parse(spec, text);
        const plain = fields.filter(([name]) => !name.startsWith('log_'));
        const expected = Object.entries(JSON.parse(text) as object).filter(([name]) =>
          plain.some(([found]) => found === name),
        );
        expect(fields).toHaveLength(Object.keys(object).length);
        expect(new Map(plain)).toEqual(new Map(expected));
      }),
    );
  });
});

describe('logfmt messages', () => {
  it('become fields', () => {
    expect(
      parse(LOGFMT, String.raw`level=error msg="it \"broke\"" n=12 id=007 debug x.y=a=b e=`),
    ).toMatchObject({
      message: 'it "broke"',
      level: 'error',
      fields: [
        ['n', 12],
        ['id', '007'],
        ['debug', true],
        ['x.y', 'a=b'],
        ['e', ''],
      ],
    });
  });

  it.each(['just words', '', '  ', '=1', 'a="open', '"a"=1', 'a=1 b"c'])(
    'that are none stay as they are: %s',
    (line) => {
      expect(parse(LOGFMT, line)).toMatchObject({ message: line, counters: { unparsedLines: 1 } });
    },
  );
});

describe('patterns', () => {
  it('make fields of their named groups', () => {
    const spec = {
      format: 'regex',
      pattern: '^(?<client>[^ ]+) (?:(?<code>[0-9]+)|-) (?P<message>.*)$',
      numbers: ['code'],
    } as const;
    expect(parse(spec, 'é1 200 sent ü')).toMatchObject({
      message: 'sent ü',
      fields: [
        ['client', 'é1'],
        ['code', 200],
      ],
    });
    expect(parse(spec, 'a - b').fields).toEqual([['client', 'a']]);
    expect(parse(spec, 'no').counters.unparsedLines).toBe(1);
    expect(parse(spec, `a 1 ${'x'.repeat(40_000)}`).counters.unparsedLines).toBe(1);
  });

  it('survive bytes that are no text, and patterns that others choke on', () => {
    const spec = { format: 'regex', pattern: '(?<all>(a+)+)$' } as const;
    expect(parse(spec, `${'a'.repeat(5_000)}!`).counters.unparsedLines).toBe(1);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
        const { fields } = parse(
          { format: 'regex', pattern: '(?s)^(?<all>.*)$' },
          Buffer.from(bytes),
        );
        expect(fields).toEqual([['all', Buffer.from(bytes).toString()]]);
      }),
    );
  });

  it('may be put together of named ones', () => {
    const spec = {
      format: 'grok',
      pattern:
        '^%{IP:client.ip} %{WORD:verb} %{INT:bytes} %{ORDER:order} %{NUMBER:took:text} %{DATA:n:number}$',
      patterns: { ORDER: 'o-%{INT}' },
    } as const;
    expect(parse(spec, '10.0.0.1 GET 12 o-7 1.5 3').fields).toEqual([
      ['client.ip', '10.0.0.1'],
      ['verb', 'GET'],
      ['bytes', 12],
      ['order', 'o-7'],
      ['took', '1.5'],
      ['n', 3],
    ]);
  });

  it.each([
    [{ format: 'regex', pattern: '(' }, 'missing closing'],
    [{ format: 'regex', pattern: 'a' }, 'no group has a name'],
    [{ format: 'grok', pattern: '%{NONE:a}' }, 'no pattern is called NONE'],
    [{ format: 'grok', pattern: '%{toString:a}' }, 'no pattern is called toString'],
    [{ format: 'grok', pattern: '%{WORD:a:date}' }, 'accepted types are'],
    [{ format: 'grok', pattern: '%{WORD}' }, 'no part has a field'],
    [{ format: 'grok', pattern: '%{A:a}', patterns: { A: '%{A}' } }, 'more than 20 deep'],
    [
      {
        format: 'grok',
        pattern: '%{A:a}',
        patterns: { A: '%{B}'.repeat(99), B: '%{C}'.repeat(99), C: 'x'.repeat(99) },
      },
      'more than',
    ],
    [{ format: 'json', timeFormat: '%Q' }, '%Q is not known'],
  ] as const)('are refused with a reason: %j', (spec, message) => {
    expect(() => new RecordParser({ name: 'p', ...spec })).toThrow(message);
  });
});

describe('times of messages', () => {
  const spec = { ...JSON_SPEC, timeField: 'time' };

  it('are the record’s', () => {
    const parsed = parse(spec, '{"time":"2026-02-28T23:00:00.5Z","a":1}');
    expect(parsed).toMatchObject({ time: NOW_MS / 1000 - 9 * 3600, fields: [['a', 1]] });
    const millis = parse({ ...spec, timeFormat: 'unix_ms' }, '{"time":1772352000123}');
    expect(millis).toMatchObject({ time: 1_772_352_000, fields: [] });
  });

  it.each(['1970-01-01T00:00:07Z', '2099-01-01T00:00:00Z', '2026-03-02T08:00:01Z', 'noon'])(
    'that cannot be true are not: %s',
    (time) => {
      const parsed = parse(spec, `{"time":"${time}"}`);
      expect(parsed).toMatchObject({
        time: 0,
        fields: [['log_time', time]],
        counters: { badTimes: 1 },
      });
    },
  );
});

function builtIn(name: string, line: string): Parsed {
  return parse(new ParserSet([]).get(name)!, line);
}

describe('built-in parsers', () => {
  it('read what they are for', () => {
    const access =
      '192.168.2.20 - bob [28/Jul/2006:10:27:10 -0300] "GET /try/?a=1 HTTP/1.0" 200 3395 "http://a/" "Mozilla/5.0 (X11)"';
    for (const name of ['apache', 'apache2', 'nginx']) {
      expect(builtIn(name, access)).toMatchObject({
        time: Date.parse('2006-07-28T13:27:10Z') / 1000,
        fields: [
          ['client', '192.168.2.20'],
          ['ident', '-'],
          ['user', 'bob'],
          ['method', 'GET'],
          ['path', '/try/?a=1'],
          ['http_version', '1.0'],
          ['status', 200],
          ['size', 3395],
          ['referer', 'http://a/'],
          ['agent', 'Mozilla/5.0 (X11)'],
        ],
      });
    }
    expect(
      builtIn(
        'apache_error',
        '[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] File does not exist',
      ),
    ).toMatchObject({ level: 'error', message: 'File does not exist' });
    expect(
      builtIn(
        'syslog-rfc5424',
        '<34>1 2026-02-28T22:14:15.003Z web su 12 ID47 [a@1 b="c"][d@2] failed',
      ),
    ).toMatchObject({
      message: 'failed',
      fields: expect.arrayContaining([['structured_data', '[a@1 b="c"][d@2]']]) as unknown,
    });
    expect(builtIn('syslog-rfc3164', '<34>Feb 11 22:14:15 web su[12]: failed')).toMatchObject({
      time: Date.parse('2026-02-11T22:14:15Z') / 1000,
      message: 'failed',
      fields: [
        ['priority', 34],
        ['host', 'web'],
        ['program', 'su'],
        ['pid', 12],
      ],
    });
    expect(builtIn('klog', 'E0228 08:00:00.123456    1 main.go:42] it broke')).toMatchObject({
      time: Date.parse('2026-02-28T08:00:00Z') / 1000,
      message: 'it broke',
    });
    expect(builtIn('json', '{"msg":"a"}').message).toBe('a');
    expect(builtIn('logfmt', 'msg=a').message).toBe('a');
    expect(new ParserSet([]).get('constructor')).toBeNull();
  });
});
