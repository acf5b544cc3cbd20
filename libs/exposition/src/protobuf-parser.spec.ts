import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { histogramProblem } from '#libs/histogram';
import { BYTES, FIXED64, ProtobufWriter, VARINT } from '#libs/protobuf';
import {
  createExpositionParser,
  ExpositionError,
  type ExpositionParser,
  type ParserOptions,
} from './index.ts';

type Fill = (writer: ProtobufWriter) => void;

/** Fields of a message under test, written in the order in which they are given. */
function message(field: number, fill: Fill): Fill {
  return (writer) => {
    writer.writeVarint(field * 8 + BYTES);
    const mark = writer.beginMessage();
    fill(writer);
    writer.endMessage(mark);
  };
}
function string(field: number, value: string): Fill {
  return (writer) => {
    writer.writeVarint(field * 8 + BYTES);
    writer.writeString(value);
  };
}
function varint(field: number, value: number): Fill {
  return (writer) => {
    writer.writeVarint(field * 8 + VARINT);
    writer.writeInt64(value);
  };
}
function zigzag(field: number, value: number): Fill {
  return varint(field, value < 0 ? -2 * value - 1 : 2 * value);
}
function double(field: number, value: number): Fill {
  return (writer) => {
    writer.writeVarint(field * 8 + FIXED64);
    writer.writeDouble(Float64Array.of(value), 0);
  };
}
function all(...fills: readonly Fill[]): Fill {
  return (writer) => {
    for (const fill of fills) fill(writer);
  };
}

const label = (name: string, value: string): Fill =>
  message(1, all(string(1, name), string(2, value)));
const time = (field: number, seconds: number, nanos = 0): Fill =>
  message(field, all(varint(1, seconds), varint(2, nanos)));
const exemplar = (field: number, id: string, value: number, ...more: readonly Fill[]): Fill =>
  message(field, all(label('id', id), double(2, value), ...more));
const span = (field: number, offset: number, length: number): Fill =>
  message(field, all(zigzag(1, offset), varint(2, length)));
const bucket = (bound: number, count: number, ...more: readonly Fill[]): Fill =>
  message(3, all(varint(1, count), double(2, bound), ...more));

function body(...families: readonly Fill[]): Buffer {
  return Buffer.concat(
    families.map((fill) => {
      const writer = new ProtobufWriter();
      fill(writer);
      const length = new ProtobufWriter();
      length.writeVarint(writer.written.length);
      return Buffer.concat([length.written, writer.written]);
    }),
  );
}

function shown(parser: ExpositionParser): string[] {
  const lines: string[] = [];
  for (let kind = parser.next(); kind !== null; kind = parser.next()) {
    if (kind === 'type') lines.push(`type ${parser.metricFamily()} ${parser.metricType}`);
    else if (kind === 'help' || kind === 'unit') lines.push(`${kind} ${parser.text()}`);
    else {
      const exemplars = parser
        .exemplars()
        .map((e) => ` # ${e.labels.toString()} ${e.value} ${e.timestampMs}`);
      const value = kind === 'series' ? String(parser.value) : JSON.stringify(parser.histogram());
      const at = Number.isNaN(parser.timestampMs) ? '' : ` @${parser.timestampMs}`;
      const created = Number.isNaN(parser.createdMs()) ? '' : ` created ${parser.createdMs()}`;
      lines.push(`${parser.labels().toString()} ${value}${at}${created}${exemplars.join('')}`);
    }
  }
  return lines;
}

function read(bytes: Buffer, options: ParserOptions = { readsNativeHistograms: true }): string[] {
  return shown(createExpositionParser('protobuf', bytes, options));
}

const NATIVE = all(
  varint(1, 6),
  double(2, 12.5),
  zigzag(5, 3),
  double(6, 0.001),
  varint(7, 1),
  span(12, -2, 2),
  span(12, 1, 1),
  zigzag(13, 1),
  zigzag(13, 1),
  zigzag(13, 0),
  time(15, 100, 5e8),
);

/** What tells the series of a body apart, with this in place of all values. */
function keysOf(value: number): string[] {
  const quantile = (q: number): Fill => message(3, all(double(1, q), double(2, value)));
  const parser = createExpositionParser(
    'protobuf',
    body(
      all(
        string(1, 's'),
        varint(3, 2),
        message(
          4,
          all(label('a', '1'), message(4, all(varint(1, value), quantile(0), quantile(0.5)))),
        ),
        message(4, all(label('a', '2'), message(4, all(varint(1, value), quantile(0))))),
      ),
      all(
        string(1, 'h'),
        varint(3, 4),
        message(4, message(7, all(varint(1, value), bucket(1, value), bucket(2, value), NATIVE))),
      ),
    ),
    { readsNativeHistograms: true, keepsClassicHistograms: true },
  );
  const found: string[] = [];
  for (let kind = parser.next(); kind !== null; kind = parser.next()) {
    if (kind !== 'series' && kind !== 'histogram') continue;
    found.push(parser.bytes.toString('latin1', parser.seriesStart, parser.seriesEnd));
  }
  return found;
}

describe('the protobuf exposition', () => {
  it('reads counters with exemplar and creation, gauges, untyped values and times', () => {
    const bytes = body(
      all(
        string(1, 'c_total'),
        string(2, 'Things.'),
        varint(3, 0),
        message(
          4,
          all(
            label('b', '2'),
            label('a', 'é'),
            message(3, all(double(1, 7), exemplar(2, 'x', 0.5, time(3, 10)), time(3, 1, 2e6))),
            varint(6, 1_234),
          ),
        ),
        message(4, message(3, double(1, Number.NaN))),
      ),
      all(
        string(1, 'g_bytes'),
        varint(3, 1),
        string(5, 'bytes'),
        message(4, message(2, double(1, -1))),
      ),
      all(message(4, message(5, double(1, 3))), varint(3, 3), string(1, 'late_name')),
    );
    expect(read(bytes)).toEqual([
      'help Things.',
      'type c_total counter',
      'c_total{a="é", b="2"} 7 @1234 created 1002 # {id="x"} 0.5 10000',
      'c_total NaN',
      'help ',
      'unit bytes',
      'type g_bytes gauge',
      'g_bytes -1',
      'help ',
      'type late_name unknown',
      'late_name 3',
    ]);
  });
  it('makes series of summaries and classic histograms, with the bucket that the count says', () => {
    const quantile = message(3, all(double(1, 0.5), double(2, 9)));
    const bytes = body(
      all(
        string(1, 's'),
        varint(3, 2),
        message(4, message(4, all(varint(1, 4), double(2, 8), quantile))),
      ),
      all(
        string(1, 'h'),
        varint(3, 4),
        message(
          4,
          message(7, all(varint(1, 3), double(2, 6), bucket(1, 2, exemplar(3, 'e', 0.7)))),
        ),
      ),
    );
    expect(read(bytes).filter((line) => !/^(help|type)/.test(line))).toEqual([
      's_count 4',
      's_sum 8',
      's{quantile="0.5"} 9',
      'h_count 3',
      'h_sum 6',
      'h_bucket{le="1.0"} 2 # {id="e"} 0.7 NaN',
      'h_bucket{le="+Inf"} 3',
    ]);
  });
  it('reads native histograms, with the classic buckets beside them only where they are wanted', () => {
    const bytes = body(
      all(
        string(1, 'h'),
        varint(3, 4),
        message(
          4,
          message(
            7,
            all(NATIVE, bucket(1, 2), bucket(Infinity, 6), exemplar(16, 'n', 1, time(3, 2))),
          ),
        ),
      ),
    );
    const native =
      'h {"schema":3,"zeroThreshold":0.001,"zeroCount":1,"count":6,"sum":12.5,' +
      '"positiveSpans":[{"offset":-2,"length":2},{"offset":1,"length":1}],"positiveBuckets":[1,2,2],' +
      '"negativeSpans":[],"negativeBuckets":[],"customValues":[],"counterResetHint":"unknown"}' +
      ' created 100500 # {id="n"} 1 2000';
    const classic = [
      'h_count 6 created 100500',
      'h_sum 12.5 created 100500',
      'h_bucket{le="1.0"} 2 created 100500',
      'h_bucket{le="+Inf"} 6 created 100500',
    ];
    expect(read(bytes).slice(2)).toEqual([native]);
    const both = { readsNativeHistograms: true, keepsClassicHistograms: true };
    expect(read(bytes, both).slice(2)).toEqual([native, ...classic]);
    expect(read(bytes, {}).slice(2)).toEqual(classic);
  });
  it('takes the time of a bucket’s exemplar for a native histogram without its own', () => {
    const buckets = all(
      bucket(1, 2, exemplar(3, 'a', 0.1)),
      bucket(2, 4, exemplar(3, 'b', 1.1, time(3, 3))),
    );
    const bytes = body(
      all(string(1, 'h'), varint(3, 5), message(4, message(7, all(NATIVE, buckets)))),
    );
    const [native] = read(bytes).slice(2);
    expect(native).toContain('"counterResetHint":"gauge"');
    expect(native).toMatch(/6.* # \{id="b"\} 1\.1 3000$/);
    expect(native).not.toContain('id="a"');
  });
  it('has one key for a series from scrape to scrape, and another for every other series', () => {
    expect(keysOf(1)).toEqual(keysOf(2));
    expect(new Set(keysOf(1)).size).toBe(4 + 3 + 6);
  });
  it.each([
    ['a length beyond the body', Buffer.from([100, 1]), 'reaches beyond'],
    [
      'an unknown type',
      body(all(string(1, 'a'), varint(3, 9), message(4, all()))),
      'unknown type 9',
    ],
    ['a family without a name', body(message(4, all())), 'has no name'],
    [
      'a unit that is not in the name',
      body(all(string(1, 'a_total'), varint(3, 0), string(5, 's'), message(4, all()))),
      'the unit "s" is not the suffix of "a"',
    ],
    [
      'a label twice',
      body(all(string(1, 'a'), varint(3, 1), message(4, all(label('x', '1'), label('x', '2'))))),
      'x',
    ],
  ])('refuses %s and tells the byte', (_what, bytes, reason) => {
    expect(() => read(bytes)).toThrow(ExpositionError);
    expect(() => read(bytes)).toThrow(reason);
    expect(() => read(bytes)).toThrow(/^byte \d+: /);
  });
  it('leaves out a family without metrics', () => {
    expect(read(body(all(string(1, 'nothing'), varint(3, 1))))).toEqual([]);
  });
});

describe('classic histograms as native ones with custom buckets', () => {
  const CLASSIC =
    '# TYPE h histogram\nh_bucket{a="1",le="1"} 1\nh_bucket{a="1",le="2.5"} 1\nh_bucket{a="1",le="+Inf"} 4\n' +
    'h_sum{a="1"} 9\nh_count{a="1"} 4\nh_bucket{a="2",le="1"} 2\nh_bucket{a="2",le="+Inf"} 2\nh_count{a="2"} 2\n' +
    '# TYPE g gauge\ng 5\n';
  const convert = (keepsClassicHistograms: boolean): string[] =>
    shown(
      createExpositionParser('text', Buffer.from(CLASSIC), {
        convertsClassicHistograms: true,
        keepsClassicHistograms,
      }),
    );
  it('come behind their last series, and in their place', () => {
    const lines = convert(false);
    expect(lines.map((line) => line.split(' ', 1)[0])).toEqual([
      'type',
      'h{a="1"}',
      'h{a="2"}',
      'type',
      'g',
    ]);
    expect(lines[1]).toContain('"schema":-53,"zeroThreshold":0,"zeroCount":0,"count":4,"sum":9,');
    expect(lines[1]).toContain('"positiveBuckets":[1,3]');
    expect(lines[1]).toContain('"customValues":[1,2.5]');
    expect(lines[2]).toContain('"positiveBuckets":[2]');
  });
  it('come beside them where they are kept', () => {
    const names = convert(true).map((line) => line.split(/[ {]/, 1)[0]);
    expect(names.filter((name) => name === 'h_bucket')).toHaveLength(5);
    expect(names.filter((name) => name === 'h')).toHaveLength(2);
    expect(names.at(-1)).toBe('g');
  });
  it('are right for whatever was observed, in any order of the buckets', () => {
    const observed = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 8, minLength: 1 });
    fc.assert(
      fc.property(observed, fc.boolean(), (counts, isReversed) => {
        let below = 0;
        const lines = counts.map((count, i) => {
          below += count;
          return `h_bucket{le="${i === counts.length - 1 ? '+Inf' : i}"} ${below}`;
        });
        if (isReversed) lines.reverse();
        const text = `# TYPE h histogram\n${lines.join('\n')}\nh_count ${below}\nh_sum 1\n`;
        const parser = createExpositionParser('text', Buffer.from(text), {
          convertsClassicHistograms: true,
        });
        parser.next();
        expect(parser.next()).toBe('histogram');
        const histogram = parser.histogram();
        expect(histogramProblem(histogram, parser.isIntegerHistogram)).toBeNull();
        expect(histogram.count).toBe(below);
        expect(histogram.customValues).toHaveLength(counts.length - 1);
      }),
    );
  });
});
