import { describe } from '@jest/globals';
import {
  createExpositionParser,
  ExpositionError,
  type ExpositionFormat,
  type ParserOptions,
  ExpositionWriter,
  selectFormat,
  ContentTypeError,
} from '#libs/exposition';
import { histogramProblem } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import { BYTES, FIXED64, ProtobufWriter, VARINT } from '#libs/protobuf';
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

type Fields = readonly (readonly [field: number, value: string | number | Double | Fields])[];
class Double {
  readonly column: Float64Array;
  constructor(value: number) {
    this.column = Float64Array.of(value);
  }
}

function write(writer: ProtobufWriter, fields: Fields): void {
  for (const [field, value] of fields) {
    const wireType = value instanceof Double ? FIXED64 : typeof value === 'number' ? VARINT : BYTES;
    writer.writeVarint(field * 8 + wireType);
    if (value instanceof Double) writer.writeDouble(value.column, 0);
    else if (typeof value === 'number') writer.writeInt64(value);
    else if (typeof value === 'string') writer.writeString(value);
    else {
      const start = writer.beginMessage();
      write(writer, value);
      writer.endMessage(start);
    }
  }
}

/** A metric family with its length before it. */
function family(fields: Fields): Buffer {
  const writer = new ProtobufWriter();
  const start = writer.beginMessage();
  write(writer, fields);
  writer.endMessage(start);
  return Buffer.from(writer.written);
}

const label = (name: string, value: string): Fields[number] => [
  1,
  [
    [1, name],
    [2, value],
  ],
];
const at = (field: number, seconds: number): Fields[number] => [field, [[1, seconds]]];
const PROTOBUF = [
  family([
    [1, 'c_total'],
    [2, 'Things.'],
    [3, 0],
    [
      4,
      [
        label('a', 'b'),
        [
          3,
          [[1, new Double(7)], [2, [label('id', 'x'), [2, new Double(0.5)], at(3, 10)]], at(3, 1)],
        ],
        [6, 1_234],
      ],
    ],
  ]),
  family([
    [1, 'h'],
    [3, 4],
    [
      4,
      [
        [
          7,
          [
            [1, 6],
            [2, new Double(12.5)],
            [
              3,
              [
                [1, 2],
                [2, new Double(1)],
                [3, [label('id', 'y'), at(3, 2)]],
              ],
            ],
            [5, 6],
            [6, new Double(0.001)],
            [7, 1],
            [
              12,
              [
                [1, 3],
                [2, 2],
              ],
            ],
            [
              12,
              [
                [1, 2],
                [2, 1],
              ],
            ],
            [13, 2],
            [13, 2],
            [13, 0],
            at(15, 100),
          ],
        ],
      ],
    ],
  ]),
  family([
    [1, 's_seconds'],
    [3, 2],
    [5, 'seconds'],
    [
      4,
      [
        [
          4,
          [
            [1, 4],
            [2, new Double(8)],
            [
              3,
              [
                [1, new Double(0.5)],
                [2, new Double(9)],
              ],
            ],
          ],
        ],
      ],
    ],
  ]),
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
function readBody(
  format: ExpositionFormat,
  body: Buffer,
  options: ParserOptions = {},
): ReadSeries[] {
  const parser = createExpositionParser(format, body, options);
  const series: ReadSeries[] = [];
  let entries = 0;
  for (let entry = parser.next(); entry !== null; entry = parser.next()) {
    entries++;
    if (entry === 'histogram') {
      histogramProblem(parser.histogram(), parser.isIntegerHistogram);
      parser.labels();
      parser.exemplars();
      parser.createdMs();
    } else if (entry === 'series') {
      promise(
        parser.seriesStart <= parser.seriesEnd && parser.seriesEnd <= parser.bytes.length,
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
  // A histogram of no bytes has its help, its type, a count, a sum and a last bucket.
  promise(entries <= 5 * body.length + 1, 'more entries than a body can order');
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
    name: 'protobuf exposition',
    corpus: PROTOBUF,
    tokens: [
      '\x0a',
      '\x12',
      '\x18\x04',
      '\x22',
      '\x3a\x00',
      '\x7f',
      '\x80',
      '\x00',
      '\x6a\x02',
      '\x61',
    ],
    refusals: [ExpositionError],
    decode(input, random) {
      const series = readBody('protobuf', input, {
        readsNativeHistograms: random.below(4) > 0,
        keepsClassicHistograms: random.below(2) > 0,
        convertsClassicHistograms: random.below(3) > 1,
      });
      return series.length > 0;
    },
  });

  itWithstands({
    name: 'classic histograms made native',
    corpus: TEXT,
    tokens: TOKENS,
    refusals: [ExpositionError],
    decode(input, random) {
      const options = {
        convertsClassicHistograms: true,
        keepsClassicHistograms: random.below(2) > 0,
      };
      return readBody('text', input, options).length > 0;
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
