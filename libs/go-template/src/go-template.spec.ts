import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  ALERTMANAGER_FUNCTIONS,
  ALERTMANAGER_TEMPLATES,
  AlertTemplate,
  formatFloat,
  GoFunctionError,
  GoMap,
  type GoValue,
  prometheusFunctions,
  type RenderOptions,
  TemplateExecError,
  TemplateParseError,
  TemplateSet,
  toAlertValue,
  toNotificationValue,
  toQueryResult,
} from './index.ts';

const functions = new Map([
  ...ALERTMANAGER_FUNCTIONS,
  ...prometheusFunctions({ externalUrl: 'http://x/p' }),
]);

function record(entries: Record<string, GoValue>): GoValue {
  return new GoMap({ name: 'map[string]interface {}' }, new Map(Object.entries(entries)), null);
}

function render(text: string, data: GoValue = null, options: Partial<RenderOptions> = {}): string {
  return TemplateSet.create({ functions })
    .with('t', text)
    .render('t', { data, nowMs: 1_700_000_000_000, ...options });
}

function failure(text: string, data: GoValue = null, options: Partial<RenderOptions> = {}): string {
  try {
    return `rendered ${render(text, data, options).slice(0, 100)}`;
  } catch (error) {
    if (error instanceof TemplateExecError) return `${error.code}: ${error.message}`;
    if (error instanceof TemplateParseError) return error.message;
    throw error;
  }
}

describe('actions', () => {
  it.each([
    ['{{ if . }}a{{ else if true }}b{{ else }}c{{ end }}', 'b'],
    ['{{ range $i, $x := list "a" "b" }}{{ $i }}{{ $x }}{{ end }}', '0a1b'],
    [
      '{{ range list 1 2 3 4 }}{{ if eq . 2 }}{{ continue }}{{ end }}{{ if eq . 4 }}{{ break }}{{ end }}{{ . }}{{ end }}',
      '13',
    ],
    ['{{ with $x := 3 }}{{ $x }}{{ end }}', '3'],
    [
      '{{ define "x" }}[{{ . }}]{{ end }}{{ template "x" 7 }}{{ block "y" 8 }}<{{ . }}>{{ end }}',
      '[7]<8>',
    ],
    ['a {{- /* b */ -}} c', 'ac'],
    ['{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}', '2'],
    ['{{ (dict "a" (dict "b" 5)).a.b }}', '5'],
    ['{{ printf "%[2]d %[1]d" 1 2 }} {{ printf "%*d|%-4d|%x" 4 7 7 "hi" }}', '2 1    7|7   |6869'],
    ['{{ printf "%v %s %d" nil nil nil }}', '<nil> %!s(<nil>) %!d(<nil>)'],
    ['{{ 1 | printf "%d-%d" 2 }}', '2-1'],
    ['{{ and 1 0 (index (list) 5) }}', '0'],
    ['{{ slice (list 1 2 3) 1 2 }}', '[2]'],
    ['{{ tmpl "z" 4 }}{{ define "z" }}({{ . }}){{ end }}', '(4)'],
  ])('renders %j', (text, expected) => {
    expect(render(text)).toBe(expected);
  });
  it.each([
    ['{{ break }}', 'template: t:1: {{break}} outside {{range}}'],
    ['{{ 1 | 2 }}', 'template: t:1: non executable command in pipeline stage 2'],
    ['{{ if 1 }}{{ else }}{{ else }}{{ end }}', 'template: t:1: expected end; found {{else}}'],
    ['a\n{{ ( 1 }}', 'template: t:2: unclosed left paren'],
    ['{{/* a', 'template: t:1: unclosed comment'],
    ['{{ 08 }}', 'template: t:1: illegal number syntax: "08"'],
    ['{{ "a".b }}', 'template: t:1: unexpected . after term "\\"a\\""'],
    ['{{ range $a, $b, $c := . }}{{ end }}', 'template: t:1: too many declarations in range'],
    [
      'é\né{{ index 1 1 }}',
      'execution: template: t:2:5: executing "t" at <index 1 1>: error calling index: can\'t index item of type int',
    ],
    [
      '{{ len 3 }}',
      'execution: template: t:1:3: executing "t" at <len 3>: error calling len: len of type int',
    ],
    [
      '{{ 1 2 }}',
      'execution: template: t:1:3: executing "t" at <1>: can\'t give argument to non-function 1',
    ],
  ])('refuses %j as Go does', (text, expected) => {
    expect(failure(text)).toBe(expected);
  });
});

describe('hostile templates', () => {
  it.each([
    ['{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}', /^depth: /],
    ['{{ define "x" }}{{ tmpl "x" 1 }}{{ end }}{{ template "x" }}', /^depth: /],
    ['{{ range 1000000000 }}{{ end }}', /^steps: /],
    ['{{ $x := "aaaaaaaaaa" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}', /^output: /],
    [
      '{{ $x := list "aaaaaaaaaa" }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}',
      /^output: /,
    ],
    ['{{ range 1000000 }}aaaaaaaaaaaaaaaaaaaaaaaa{{ end }}', /^output: /],
    ['{{ printf "%1000000000d" 1 }}', /^rendered %!|^rendered|^execution: /],
    ['{{ printf "%999999d" 1 }}{{ printf "%999999d" 1 }}', /^output: /],
    ['{{ reReplaceAll "" (printf "%9999d" 1) (printf "%9999d" 1) }}', /^execution: .*text over/],
    [`{{ ${'('.repeat(5_000)}1${')'.repeat(5_000)} }}`, /nested more than/],
    ['{{ if 1 }}'.repeat(5_000), /nested more than|unexpected EOF/],
    [`{{ if 1 }}${'{{ else if 1 }}'.repeat(5_000)}{{ end }}`, /nested more than/],
  ])('stops %#', (text, expected) => {
    expect(failure(text)).toMatch(expected);
  });
  it('asks the clock while it runs', () => {
    let calls = 0;
    const isTimeOver = (): boolean => ++calls > 3;
    expect(failure('{{ range 100000 }}{{ end }}', null, { isTimeOver })).toMatch(/^time: /);
  });
  it('takes a bad pattern and a slow one in its stride', () => {
    expect(failure('{{ match "(a+)+$" . }}', `${'a'.repeat(5_000)}!`)).toBe('rendered false');
  });
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'type', 'entries', 'fields'])(
    'finds nothing of JavaScript behind the name %s',
    (name) => {
      expect(render(`[{{ .${name} }}]`, record({ a: 1n }))).toBe('[<no value>]');
      expect(failure(`{{ . | printf "%v" | len }}{{ (list 1).${name} }}`)).toMatch(/^execution: /);
      expect(failure(`{{ now.${name} }}`)).toMatch(/^execution: /);
      expect(failure(`{{ ${name} }}`)).toMatch(/function .* not defined/);
    },
  );
  it('keeps a key called __proto__ like any other', () => {
    expect(render('{{ (dict "__proto__" "x").__proto__ }}{{ toJson (dict "__proto__" 1) }}')).toBe(
      'x{"__proto__":1}',
    );
  });
  it('never does anything but render or fail with its own errors', () => {
    const piece = fc.constantFrom(
      ...'{{ }} {{- -}} if else end range with define "x" template block . $x := = | ( ) print index 1 1.5 "a" nil .A true , list dict'.split(
        ' ',
      ),
      ' ',
      '\n',
      '`',
      "'",
      '/*',
      '*/',
      '\\',
      'é',
      '\ud800',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), fc.boolean(), (parts, isHtml) => {
        expect(
          typeof failure(parts.join(' '), record({ A: 'v' }), { isHtml, maxSteps: 5_000 }),
        ).toBe('string');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('html mode', () => {
  const hostile = `"'><script>alert(1)</script>&+`;
  it.each([
    ['<p>{{ . }}</p>', '<p>&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#43;</p>'],
    [
      '<p title="{{ . }}">',
      '<p title="&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#43;">',
    ],
    [
      '<a href="/?q={{ . }}">',
      '<a href="/?q=%22%27%3e%3cscript%3ealert%281%29%3c%2fscript%3e%26%2b">',
    ],
    [
      '<script>var a = {{ . }};</script>',
      '<script>var a = "\\"\'\\u003e\\u003cscript\\u003ealert(1)\\u003c/script\\u003e\\u0026+";</script>',
    ],
    ['<div style="color: {{ . }}">', '<div style="color: ZgotmplZ">'],
    ['<{{ . }}>', '<&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#43;>'],
    ['<p {{ . }}=1>', '<p ZgotmplZ=1>'],
    ['<script>/* {{ . }} */ 1 // {{ . }}\n2</script>', '<script>  1 \n2</script>'],
    ['a<!-- {{ . }} -->b', 'ab'],
    [
      '<title>{{ . }}</title>',
      '<title>&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#43;</title>',
    ],
    ['{{ . | html }}', '&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;+'],
  ])('escapes a hostile value in %j', (text, expected) => {
    expect(render(text, hostile, { isHtml: true })).toBe(expected);
  });
  it.each([
    'javascript:alert(1)',
    'JAVASCRIPT:x',
    ' javascript:x',
    'data:text/html,x',
    'vbscript:x',
  ])('does not let %j be a link', (url) => {
    expect(render('<a href="{{ . }}">', url, { isHtml: true })).toBe('<a href="#ZgotmplZ">');
  });
  it('never lets a value leave an attribute or an element', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('<>"\'=/ ax-&')) }), (value) => {
        const html = render('<p title="{{ . }}">{{ . }}</p>', value, { isHtml: true });
        expect(html.match(/[<>"]/g)!.join('')).toBe('<""><>');
      }),
    );
  });
});

function noQuery(): Promise<GoValue> {
  return Promise.reject(new Error('no query'));
}

describe('AlertTemplate', () => {
  const data = toAlertValue({
    labels: ['job', 'web', '__proto__', 'x'],
    externalLabels: ['cluster', 'c'],
    externalUrl: 'http://x',
    value: 0.5,
  });
  const options = { data, nowMs: 0 };
  it('knows labels, value and external labels', async () => {
    const text =
      '{{ $labels.job }} {{ $value }} {{ $externalLabels.cluster }} {{ $labels.__proto__ }}';
    const template = new AlertTemplate('A', text, functions);
    expect(await template.render(options, noQuery)).toBe('web 0.5 c x');
  });
  it('waits for queries and asks each once', async () => {
    const asked: string[] = [];
    const template = new AlertTemplate(
      'A',
      '{{ query "a" | first | value }} {{ range query "b" }}{{ .Labels.x }}{{ end }} {{ query "a" | len }}',
      functions,
    );
    const text = await template.render(options, (expression) => {
      asked.push(expression);
      return Promise.resolve(toQueryResult([{ labels: { x: expression }, value: 3 }]));
    });
    expect(text).toBe('3 b 1');
    expect(asked).toEqual(['a', 'b']);
  });
  it('says which query failed', async () => {
    const template = new AlertTemplate('A', '{{ query "a" }}', functions);
    await expect(template.render(options, noQuery)).rejects.toThrow(
      /^error executing template __alert_A: template: __alert_A:1:115: .* error calling query: no query$/,
    );
  });
  it('stops a template that asks for ever new queries', async () => {
    const template = new AlertTemplate(
      'A',
      '{{ range 1000 }}{{ query (print .) }}{{ end }}',
      functions,
    );
    await expect(
      template.render(options, () => Promise.resolve(toQueryResult([]))),
    ).rejects.toThrow(/more than 20 different queries/);
  });
});

describe('notification templates', () => {
  const data = toNotificationValue({
    receiver: 'r',
    status: 'firing',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'A', a: '1' },
        annotations: {},
        startsAtMs: 1_000,
        endsAtMs: null,
        generatorUrl: '',
        fingerprint: 'f',
      },
    ],
    groupLabels: { alertname: 'A' },
    commonLabels: { alertname: 'A', a: '1' },
    commonAnnotations: {},
    externalUrl: 'http://am',
  });
  const set = TemplateSet.create({ functions: ALERTMANAGER_FUNCTIONS }).with(
    '',
    ALERTMANAGER_TEMPLATES,
  );
  const renderNow = (text: string): string =>
    set.with('', text).render('', { data, nowMs: 61_000 });

  it('have the default templates, which a user can replace', () => {
    expect(renderNow('{{ template "slack.default.title" . }}')).toBe('[FIRING:1] A (1)');
    const own = set.with('', '{{ define "__subject" }}mine{{ end }}');
    expect(
      own.with('', '{{ template "slack.default.title" . }}').render('', { data, nowMs: 0 }),
    ).toBe('mine');
    expect(set.names.filter((name) => name.includes('.default.'))).toHaveLength(57);
  });
  it('count time from now', () => {
    expect(renderNow('{{ with index .Alerts 0 }}{{ since .StartsAt }}{{ end }}')).toBe('1m0s');
  });
});

describe('formatFloat', () => {
  it.each([
    [2.5, 'f', 0, '2'],
    [3.5, 'f', 0, '4'],
    [0.5, 'f', 0, '0'],
    [9.99, 'f', 1, '10.0'],
    [1e-7, 'f', 3, '0.000'],
    [1e6, 'g', -1, '1e+06'],
    [123_456, 'g', -1, '123456'],
    [-0, 'g', -1, '-0'],
    [5e-324, 'e', 3, '4.941e-324'],
    [9.9996, 'g', 4, '10'],
  ] as const)('writes %d as %s with %d digits: %s', (value, format, precision, expected) => {
    expect(formatFloat(value, format, precision)).toBe(expected);
  });
  it('writes what reads back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        for (const format of ['e', 'f', 'g'] as const) {
          expect(Number(formatFloat(value, format, -1))).toBe(value);
        }
      }),
    );
  });
});

describe('errors of functions', () => {
  it('that are not the template’s own pass through', () => {
    const broken = new Map([
      [
        'boom',
        {
          params: [],
          isVariadic: false,
          call: () => {
            throw new TypeError('a bug');
          },
        },
      ],
    ]);
    const set = TemplateSet.create({ functions: broken }).with('t', '{{ boom }}');
    expect(() => set.render('t', { data: null, nowMs: 0 })).toThrow(TypeError);
    expect(new GoFunctionError('x').name).toBe('GoFunctionError');
  });
});
