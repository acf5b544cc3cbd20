import { describe } from '@jest/globals';
import {
  createExpositionParser,
  ExpositionError,
  type ExpositionFormat,
  ExpositionWriter,
  selectFormat,
  ContentTypeError,
} from '#libs/exposition';
import type { Labels } from '#libs/labels';
import { itWithstands, promise } from './fuzz.ts';
import { tokensOf } from './hostile-input.ts';

const TEXT = [
  '# HELP http_requests_total The total.\n# TYPE http_requests_total counter\n' +
    'http_requests_total{method="post",code="200"} 1027 1395066363000\nhttp_requests_total{code="400"} 3\n',
  'msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458e+09\n',
  '# TYPE h histogram\nh_bucket{le="0.05"} 24054\nh_bucket{le="+Inf"} 144320\nh_sum 53423\nh_count 144320\n',
  '# TYPE s summary\ns{quantile="0.01"} 3102\ns_sum 1.7560473e+07\ns_count 2693\n',
  '{"dots.and.spaces",\'"a b"="c"} 1\n{"a",b="c"} NaN\nweird{} -Inf -3982045\n',
];

const OPEN_METRICS = [
  '# HELP c help\n# TYPE c counter\n# UNIT c\nc_total{a="b"} 1.0 1.5 # {trace_id="KOO"} 0.67 2.5\nc_created{a="b"} 1.0\n# EOF\n',
  '# TYPE x histogram\nx_bucket{le="1"} 1 # {id="a"} 0.5\nx_bucket{le="+Inf"} 2\nx_count 2\nx_sum 3\n# EOF\n',
  '# TYPE i info\ni_info{version="1"} 1\n# TYPE t stateset\nt{t="a"} 1\n# TYPE g gauge\ng 1 123.456\n# EOF\n',
  '# TYPE s_seconds summary\n# UNIT s_seconds seconds\ns_seconds{quantile="0.5"} 1\n# EOF',
];

const TOKENS = tokensOf(
  'a b_total c_bucket _created __name__ le quantile "quoted␣name" é \xff { } = " , ␣ ⇥ ⏎ ⏎⏎',
  '{a="b"} {le="1"} {"m",x="y"} \\n \\" 1 -1.5 1e3 0x1p4 NaN +Inf 1_000 ␣1␣ ␣1⏎ ␣1␣2⏎',
  '␣1␣#␣{}␣1⏎ #␣ # #␣TYPE␣ #␣HELP␣ #␣UNIT␣ #␣EOF #␣EOF⏎ ␣counter⏎ ␣histogram⏎ ␣#␣{',
);

interface ReadSeries {
  readonly labels: Labels;
  readonly value: number;
  readonly timestampMs: number;
}

/** Reads a body asking everything there is to ask. */
function readBody(format: ExpositionFormat, body: Buffer): ReadSeries[] {
  const parser = createExpositionParser(format, body);
  const series: ReadSeries[] = [];
  let entries = 0;
  for (let entry = parser.next(); entry !== null; entry = parser.next()) {
    entries++;
    if (entry === 'series') {
      promise(
        parser.seriesStart <= parser.seriesEnd && parser.seriesEnd <= body.length,
        'a series outside the body',
      );
      parser.exemplars();
      parser.createdMs();
      series.push({
        labels: parser.labels(),
        value: parser.value,
        timestampMs: parser.timestampMs,
      });
    } else {
      if (entry !== 'comment') parser.metricFamily();
      if (entry === 'help' || entry === 'unit' || entry === 'comment') parser.text();
    }
  }
  promise(entries <= body.length + 1, 'more entries than bytes');
  return series;
}

/** What was taken can be written, and read again as the same. */
function checkReread(series: readonly ReadSeries[]): void {
  const writer = new ExpositionWriter('text');
  for (const { labels, value, timestampMs } of series) {
    writer.series(labels, value, Number.isNaN(timestampMs) ? {} : { timestampMs });
  }
  const again = readBody('text', Buffer.from(writer.take()));
  promise(again.length === series.length, 'a series was lost in writing');
  for (const [i, { labels, value, timestampMs }] of series.entries()) {
    const other = again[i]!;
    promise(
      labels.key === other.labels.key &&
        Object.is(value, other.value) &&
        Object.is(timestampMs, other.timestampMs),
      () =>
        `${labels.toString()} ${value} ${timestampMs} came back as ` +
        `${other.labels.toString()} ${other.value} ${other.timestampMs}`,
    );
  }
}

describe('exposition', () => {
  itWithstands({
    name: 'text format',
    corpus: TEXT,
    tokens: TOKENS,
    refusals: [ExpositionError],
    decode(input) {
      const series = readBody('text', input);
      checkReread(series);
      return series.length > 0;
    },
  });

  itWithstands({
    name: 'OpenMetrics',
    corpus: OPEN_METRICS,
    tokens: TOKENS,
    refusals: [ExpositionError],
    decode(input) {
      const series = readBody('openmetrics', input);
      checkReread(series);
      return series.length > 0;
    },
  });

  itWithstands({
    name: 'Content-Type',
    corpus: [
      'text/plain; version=0.0.4; charset=utf-8; escaping=values',
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
    ],
    tokens: [
      'text/plain',
      'application/',
      'openmetrics-text',
      ';',
      '; ',
      'version',
      '=',
      '"',
      '1.0.0',
      ',',
    ],
    refusals: [ContentTypeError],
    decode: (input) => void selectFormat(input.toString('latin1'), null),
  });
});
