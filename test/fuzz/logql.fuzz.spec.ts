import { describe } from '@jest/globals';
import { Labels } from '#libs/labels';
import {
  LogFollower,
  LogqlSyntaxError,
  parseLogql,
  parseLogSelector,
  printLogql,
} from '#libs/logql';
import { itWithstands, promise } from './fuzz.ts';
import { tokensOf } from './hostile-input.ts';

const QUERIES = [
  '{app="x", ns=~"a|b"} |= "error" or "warn" != `x` |~ "(?i)time.?out" !> "<_> ok <_>"',
  'sum by (level, app) (rate({app="x"} | json | __error__="" | level=~"err.*" [5m] offset 1h))',
  'quantile_over_time(0.99, {a="b"} | logfmt --strict d="dur" | unwrap duration(d) | __error__="" [1m30s]) by (x)',
  '{a="b"} | pattern `<ip> - <_> "<m> <p>"` | ip = ip("10.0.0.0/8") and (size > 1.5KiB or took >= 10ms)',
  '{a="b"} | regexp "(?P<x>\\\\w+)" | label_format y=x, z="{{.x | upper}}" | line_format `{{.y}} {{ __line__ }}`',
  '{a="b"} | unpack | decolorize | drop x, y="z" | keep a, b=~"c.*" | json s="a[0].b[\\"c d\\"]", t',
  'topk(3, count_over_time({a="b"}[1m])) / on (a) group_left (b) vector(2) > bool 1 or absent_over_time({c="d"}[5m])',
  'label_replace(bytes_rate({a="b"}[1m] |= "x"), "n", "$1", "a", "(.*)") unless ignoring (q) 1 + 2 ^ -3',
];

const TOKENS = tokensOf(
  'sum rate topk by without on ignoring group_left bool offset and or unless unwrap json logfmt',
  'regexp pattern unpack decolorize line_format label_format drop keep duration( bytes( ip( vector(',
  '{ } [ ] ( ) ( ) , | |= != |~ !~ |> !> = =~ == > >= < <= + - * / % ^ "a" `b` "(a+)+$" "<a>" "<_>"',
  '--strict --keep-empty 5m 1h30m 0 1 .5 1e9 10KB 1.5MiB # ⏎ ␣ ␣ {a="b"} [5m] "{{.a}}" "{{range}}"',
  '"\\x41" "\\ud800" "[0]" "a.b[0]" "10.0.0.0/8" "::1-::2" __error__',
);

const LINES = [
  '{"level":"error","n":1.5e3,"a.b":{"c":["d",{"e":null}]},"_entry":"x","s":"q\\"\\u00e9\\ud83d"}',
  'level=info msg="two \\"words\\"" a=b=c flag =x took=1h5m3s size=10KB ip=10.1.2.3',
  '10.0.0.1 - - [10/Jun] "GET /a HTTP/1.1" 200 \u001b[31mred\u001b[0m fe80::1',
  '{"a":{"a":{"a":{"a":[[[[[[]]]]]]}}}}',
];
const LINE_TOKENS = tokensOf(
  '{ } [ ] { [ " " \\ \\u \\" : , = == ␣ ⏎ a b level null true -1 1e5 0x1 {"a": [[ 1.2.3.4 :: ::1',
  '<_> \u001b[ \u001b[31m m é \ud83d [[[[[[[[',
);

const PIPELINES = [
  '{a="b"} |~ "(?i)error|warn" | json | n > 1 | line_format "{{.level | upper}} {{.n}}"',
  '{a="b"} | logfmt | took > 1m or size < 5KB | label_format x="{{.msg | trunc 3}}" | keep x, ip',
  '{a="b"} | logfmt --strict msg, m2="msg" | ip != ip("10.0.0.0/8")',
  '{a="b"} | pattern `<ip> - <_> "<m> <p> <_>" <rest>` != ip("10.0.0.0/8") | rest != ""',
  '{a="b"} | unpack | decolorize | regexp "(?P<x>\\\\w+)=(?P<y>\\\\S*)" | drop x="level"',
  '{a="b"} |> "<_>a<_>" | json s="a.a.a", t="a[\\"b\\"][0]", u="level" | __error__=""',
];

/** A batch of the lines of an input. */
function batchOf(input: Buffer): Parameters<LogFollower['follow']>[0] {
  const starts: number[] = [];
  const ends: number[] = [];
  let start = 0;
  while (start <= input.length && starts.length < 50) {
    const found = input.indexOf(0x0a, start);
    const end = found < 0 ? input.length : found;
    starts.push(start);
    ends.push(end);
    start = end + 1;
  }
  return {
    stream: { id: 1, labels: Labels.fromRecord({ a: 'b', level: 'base' }) },
    count: starts.length,
    timesNs: new BigInt64Array(starts.length),
    bytes: input,
    starts: Uint32Array.from(starts),
    ends: Uint32Array.from(ends),
    metadataOf: () => null,
  };
}

describe('LogQL', () => {
  itWithstands({
    name: 'parseLogql',
    corpus: QUERIES,
    tokens: TOKENS,
    refusals: [LogqlSyntaxError],
    decode(input) {
      const text = printLogql(parseLogql(input.toString()));
      const again = printLogql(parseLogql(text));
      promise(again === text, () => `printed as ${text}, which is read as ${again}`);
    },
  });

  itWithstands({
    name: 'parseLogSelector',
    corpus: ['{a="b", c!="d", e=~"f.*", g!~`h`}', '{}'],
    tokens: TOKENS,
    refusals: [LogqlSyntaxError],
    decode: (input) => void parseLogSelector(input.toString('latin1')),
  });

  itWithstands({
    name: 'lines in a pipeline',
    corpus: LINES,
    tokens: LINE_TOKENS,
    refusals: [],
    divisor: 4,
    decode(input) {
      const batch = batchOf(input);
      for (const query of PIPELINES) {
        const expr = parseLogql(query);
        if (expr.kind !== 'log') continue;
        let kept = 0;
        new LogFollower(expr, 0).follow(batch, (entry) => {
          kept++;
          for (const [name, value] of entry.labels) {
            promise(name !== '' && value !== '', () => `an empty label from ${query}`);
          }
          return true;
        });
        promise(kept <= batch.count, 'more lines than there were');
      }
    },
  });
});
