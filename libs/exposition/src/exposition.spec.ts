import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Labels, METRIC_NAME } from '#libs/labels';
import {
  createExpositionParser,
  ExpositionError,
  type ExpositionFormat,
  type ExpositionParser,
  ExpositionWriter,
  formatGoFloat,
  formatOpenMetricsFloat,
} from './index.ts';

const FORMATS = ['text', 'openmetrics'] as const;

function parserOf(format: ExpositionFormat, text: string): ExpositionParser {
  return createExpositionParser(format, Buffer.from(text));
}

/** One line per entry: series as PromQL writes them, metadata as kind, name and text. */
function entriesOf(parser: ExpositionParser): string[] {
  const entries: string[] = [];
  for (let kind = parser.next(); kind !== null; kind = parser.next()) {
    switch (kind) {
      case 'series': {
        const at = Number.isNaN(parser.timestampMs) ? '' : ` @${parser.timestampMs}`;
        entries.push(`${parser.labels().toString()} ${formatGoFloat(parser.value)}${at}`);
        break;
      }
      case 'type':
        entries.push(`type ${parser.metricFamily()} ${parser.metricType}`);
        break;
      case 'help':
      case 'unit':
        entries.push(`${kind} ${parser.metricFamily()} ${parser.text()}`);
        break;
      case 'comment':
        entries.push(parser.text());
        break;
      case 'histogram':
        throw new Error('a text has no native histograms');
    }
  }
  return entries;
}

function errorOf(format: ExpositionFormat, text: string): ExpositionError {
  try {
    entriesOf(parserOf(format, text));
  } catch (error) {
    if (error instanceof ExpositionError) return error;
    throw error;
  }
  throw new Error(`was read without an error: ${text}`);
}

/** The shortest of a few runs in milliseconds, since other programs may want the machine as well. */
function fastestOf(run: () => void): number {
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const startMs = performance.now();
    run();
    fastestMs = Math.min(fastestMs, performance.now() - startMs);
  }
  return fastestMs;
}

/** Reads a body with all that can be asked of it, and answers what it threw. */
function failureOf(parser: ExpositionParser): unknown {
  try {
    for (let kind = parser.next(); kind !== null; kind = parser.next()) {
      if (kind === 'series') {
        parser.createdMs();
        parser.labels();
        parser.exemplars();
      } else {
        parser.text();
      }
    }
    return null;
  } catch (error) {
    return error;
  }
}

describe('the text format', () => {
  it('is read entry by entry', () => {
    const body =
      '# HELP up Whether a \\\\ target\\nanswers.\n# TYPE up gauge\n# just a remark\n\n' +
      'up{job="node",instance="a:9100"} 1\nup{job="node",instance="b:9100",} 0 1700000000000\n';
    expect(entriesOf(parserOf('text', body))).toEqual([
      'help up Whether a \\ target\nanswers.',
      'type up gauge',
      '# just a remark',
      'up{instance="a:9100", job="node"} 1',
      'up{instance="b:9100", job="node"} 0 @1700000000000',
    ]);
  });
  it('takes a last line without a newline', () => {
    expect(entriesOf(parserOf('text', 'up 1'))).toEqual(['up 1']);
  });
  it('writes the bounds of histograms and summaries as OpenMetrics does, and no others', () => {
    const body =
      '# TYPE h histogram\nh_bucket{le="10"} 1\n# TYPE s summary\ns{quantile="1"} 1\nx{le="1"} 1\n';
    expect(entriesOf(parserOf('text', body)).filter((line) => !line.startsWith('type'))).toEqual([
      'h_bucket{le="10.0"} 1',
      's{quantile="1.0"} 1',
      'x{le="1"} 1',
    ]);
  });
  it.each([
    ['up', 1, 'expected a value'],
    ['a 1\nup{job=node} 1', 2, 'expected a label value in double quotes'],
    ['a 1\r\n', 1, 'is not a number'],
    ['a 1\n\n\nb{x="y} 2\nc 3\n', 4, 'a label value is not closed'],
    ['a 1 12.5\n', 1, 'expected the end of the line after the timestamp'],
    ['a 1 -5\n', 1, 'expected a timestamp'],
    ['# TYPE a\n', 1, '"" is not a metric type; accepted are counter'],
    ['{a="b"} 1\n', 1, 'the series has no metric name'],
    ['a 0x10\n', 1, '"0x10" is not a number; accepted are decimals'],
    ['a 1e999\n', 1, 'out of range'],
    ['ok 1\nm{a="1",a="2"} 1\n', 2, 'label "a" is given twice'],
    ['ok{x="a\nb"} 1\n<html>\n', 3, 'expected a metric name'],
  ])('refuses %j naming line %d', (body, line, reason) => {
    const error = errorOf('text', body);
    expect(error.message).toContain(`line ${line}: `);
    expect(error.message).toContain(reason);
  });
  it('refuses names that are not UTF-8 when the labels are asked for', () => {
    const parser = createExpositionParser('text', Buffer.from('{"a\xff"} 1\n', 'latin1'));
    expect(parser.next()).toBe('series');
    expect(() => parser.labels()).toThrow('line 1: the metric name is not UTF-8');
  });
  it('shows a series by the same bytes from one body to the next', () => {
    const spans = ['up{job="a"} 1\n', 'up{job="a"} 2 5\n'].map((body) => {
      const parser = parserOf('text', body);
      parser.next();
      return parser.bytes.toString('utf8', parser.seriesStart, parser.seriesEnd);
    });
    expect(spans).toEqual(['up{job="a"}', 'up{job="a"}']);
  });
  it('gives every NaN the ordinary bits, so that a body cannot fake a stale marker', () => {
    const parser = parserOf('text', 'a NaN\n');
    parser.next();
    expect(Buffer.from(parser.valueColumn.buffer).readBigUInt64LE()).toBe(0x7ff8000000000001n);
  });
  it('keeps a label called __proto__', () => {
    const parser = parserOf('text', 'a{__proto__="x"} 1\n');
    parser.next();
    expect(parser.labels().get('__proto__')).toBe('x');
  });
});

describe('OpenMetrics', () => {
  const counter =
    '# TYPE c counter\nc_total{x="1"} 1 # {trace_id="t"} 0.5 1.5\nc_created{x="1"} 1700000001.5\n' +
    'c_total{x="2"} 2\nc_created{x="2"} 1700000002\n# EOF\n';
  it('keeps `_created` lines as series unless told otherwise', () => {
    expect(entriesOf(parserOf('openmetrics', counter))).toHaveLength(5);
    const body = Buffer.from(counter);
    const skipping = createExpositionParser('openmetrics', body, { skipsCreatedSeries: true });
    expect(entriesOf(skipping)).toHaveLength(3);
  });
  it('finds each series’ creation time and exemplar', () => {
    const parser = createExpositionParser('openmetrics', Buffer.from(counter), {
      skipsCreatedSeries: true,
    });
    const found: unknown[] = [];
    for (let kind = parser.next(); kind !== null; kind = parser.next()) {
      if (kind !== 'series') continue;
      const traces = parser
        .exemplars()
        .map(({ labels, timestampMs }) => [labels.get('trace_id'), timestampMs]);
      found.push([parser.labels().get('x'), parser.createdMs(), traces]);
    }
    expect(found).toEqual([
      ['1', 1_700_000_001_500, [['t', 1_500]]],
      ['2', 1_700_000_002_000, []],
    ]);
  });
  it('looks for creation times without reading the body again and again', () => {
    const series = Array.from({ length: 20_000 }, (_, i) => `c_total{x="${i}"} ${i}\n`).join('');
    const parser = parserOf('openmetrics', `# TYPE c counter\n${series}# EOF\n`);
    const startMs = performance.now();
    let found = 0;
    while (parser.next() !== null) if (!Number.isNaN(parser.createdMs())) found++;
    expect(found).toBe(0);
    // Some 20 ms; reading on from each series anew would take half a minute.
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });
  it.each([
    ['a 1\n', 'does not end with "# EOF"'],
    ['a 1\n# EOF\nb 1\n', 'there is more after "# EOF"'],
    ['a  1\n# EOF\n', 'expected a blank and a value'],
    ['a 1 NaN\n# EOF\n', 'the timestamp is not a finite number of seconds'],
    ['# remark\n# EOF\n', 'other comments are not allowed'],
    ['# TYPE a untyped\n# EOF\n', 'accepted are counter, gauge, histogram, gaugehistogram'],
    ['# UNIT a seconds\n# EOF\n', 'the unit "seconds" is not the suffix of "a"'],
    ['a{b="c",,} 1\n# EOF\n', 'expected a label name'],
    ['a 1 # {b="c"}\n# EOF\n', "expected a blank and the exemplar's value"],
    ['#', 'other comments are not allowed'],
  ])('refuses %j', (body, reason) => {
    expect(errorOf('openmetrics', body).message).toContain(reason);
  });
});

describe('floats', () => {
  it.each([
    [0, '0', '0.0'],
    [1, '1', '1.0'],
    [-1.5, '-1.5', '-1.5'],
    [1e6, '1e+06', '1e+06'],
    [999_999, '999999', '999999.0'],
    [0.0001, '0.0001', '0.0001'],
    [0.000012, '1.2e-05', '1.2e-05'],
    [1e100, '1e+100', '1e+100'],
    [Number.NaN, 'NaN', 'NaN'],
    [Number.NEGATIVE_INFINITY, '-Inf', '-Inf'],
  ])('writes %d as Go does', (value, text, openMetrics) => {
    expect([formatGoFloat(value), formatOpenMetricsFloat(value)]).toEqual([text, openMetrics]);
  });
  it('reads every number back exactly', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const parser = parserOf('text', `a ${formatGoFloat(value)}\nb ${value.toPrecision(17)}\n`);
        if (!Number.isFinite(value) || value === 0) return;
        parser.next();
        expect(parser.value).toBe(value);
        parser.next();
        expect(parser.value).toBe(value);
      }),
    );
  });
  it.each(['nan', 'NAN', 'Nan', '+inf', '-Infinity', 'INF', '.5', '5.', '+1', '1e+5', '007'])(
    'takes the spelling %s',
    (spelling) => {
      expect(parserOf('text', `a ${spelling}\n`).next()).toBe('series');
    },
  );
  it.each(['+nan', 'infin', '1_0', '0x1p3', '.', 'e5', '1e', '1e+', '--1', '1,5'])(
    'refuses the spelling %s',
    (spelling) => {
      expect(errorOf('text', `a ${spelling}\n`).message).toContain('is not a number');
    },
  );
});

const labelSets = fc
  .tuple(
    fc.string({ minLength: 1, unit: 'binary' }),
    fc.dictionary(fc.string({ minLength: 1, unit: 'binary' }), fc.string({ unit: 'binary' }), {
      maxKeys: 5,
    }),
  )
  .map(([name, rest]) => Labels.fromRecord({ ...rest, [METRIC_NAME]: name }))
  .filter((labels) => labels.flat.every((part) => part.isWellFormed() && !part.includes('\0')));

describe.each(FORMATS)('a body in %s', (format) => {
  /** Prometheus multiplies seconds and cuts off, which can lose a millisecond. */
  function asRead(timestampMs: number | null): number {
    if (timestampMs === null) return Number.NaN;
    return format === 'text' ? timestampMs : Math.trunc((timestampMs / 1000) * 1000);
  }
  it('reads as it was written', () => {
    const samples = fc.array(
      fc.record({
        labels: labelSets,
        value: fc.double(),
        timestampMs: fc.option(fc.nat({ max: 4_000_000_000_000 }), { nil: null }),
      }),
    );
    fc.assert(
      fc.property(samples, (series) => {
        const writer = new ExpositionWriter(format);
        for (const { labels, value, timestampMs } of series) {
          writer.series(labels, value, timestampMs === null ? {} : { timestampMs });
        }
        const parser = parserOf(format, writer.take());
        for (const { labels, value, timestampMs } of series) {
          expect(parser.next()).toBe('series');
          expect(parser.labels().flat).toEqual(labels.flat);
          expect(parser.value).toBe(value);
          expect(parser.timestampMs).toBe(asRead(timestampMs));
        }
        expect(parser.next()).toBeNull();
      }),
    );
  });
  it('keeps metadata through writing and reading', () => {
    const text = fc
      .string({ unit: 'binary' })
      .filter((help) => help.isWellFormed() && !/^[ \t]*$|\0/.test(help));
    fc.assert(
      fc.property(text, (help) => {
        const writer = new ExpositionWriter(format);
        writer.type('my.family', 'histogram');
        writer.help('my.family', help);
        const parser = parserOf(format, writer.take());
        expect(parser.next()).toBe('type');
        expect(parser.metricType).toBe('histogram');
        expect(parser.next()).toBe('help');
        expect([parser.metricFamily(), parser.text()]).toEqual(['my.family', help]);
      }),
    );
  });
  it('throws nothing but its own error, whatever the bytes and wherever they are cut', () => {
    const pieces = fc.constantFrom(
      'a',
      'up',
      '{',
      '}',
      '"',
      '\\',
      '=',
      ',',
      ' ',
      '\t',
      '\n',
      '#',
      '# HELP a',
      '# TYPE a counter\n',
      '# EOF\n',
      'x="y"',
      '1',
      '-1.5e3',
      ' # {',
      'NaN',
      '\0',
      'é',
      '_created',
      '{"q"}',
      '# UNIT a_s s\n',
      'a_total 1\n',
    );
    const bodies = fc.oneof(
      fc.array(pieces, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        for (const skipsCreatedSeries of [false, true]) {
          const parser = createExpositionParser(format, body, { skipsCreatedSeries });
          const error = failureOf(parser);
          expect(error === null || error instanceof ExpositionError).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
  it.each([
    ['an unclosed value', 'a{b="'.padEnd(65_536, 'x')],
    ['escapes without end', 'a{b="'.padEnd(65_536, '\\')],
    ['blanks', ' '.repeat(65_536)],
    ['digits that are no number', `a ${'1'.repeat(65_000)}x`],
    ['labels', `a{${'b="c",'.repeat(10_000)}} 1`],
    ['braces', '{'.repeat(65_536)],
    ['quoted names', `{${'"a",'.repeat(16_000)}`],
    ['blank lines', `${'\n'.repeat(65_000)}<`],
  ])('refuses or reads 64 KiB of %s at once', (_, text) => {
    const body = Buffer.from(text);
    let error: unknown = null;
    const fastestMs = fastestOf(() => {
      error = failureOf(createExpositionParser(format, body));
    });
    expect(fastestMs).toBeLessThan(1_000);
    expect(error === null || error instanceof ExpositionError).toBe(true);
  });
});
