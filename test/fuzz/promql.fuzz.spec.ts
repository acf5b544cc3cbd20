import { describe } from '@jest/globals';
import {
  DurationSyntaxError,
  formatDurationMs,
  LinearRegExp,
  parseDurationMs,
  RegExpSyntaxError,
} from '#libs/labels';
import {
  NotationError,
  parseExpr,
  parseMetricSelector,
  parseScript,
  parseSeriesNotation,
  prettyExpr,
  printExpr,
  PromqlSyntaxError,
  ScriptSyntaxError,
} from '#libs/promql';
import { itWithstands, promise } from './fuzz.ts';
import { tokensOf } from './hostile-input.ts';

const QUERIES = [
  'sum by (job, "a.b") (rate(http_requests_total{job=~"api|web",code!="200"}[5m] offset -1h30m))',
  'histogram_quantile(0.9, sum without (instance) (rate(h_bucket[1m:15s] @ end())))',
  'a + on (x) group_left (y) b * -c ^ 2 ^ 3 % 4 == bool 1 and d or e unless ignoring () f',
  'label_replace(up, "a", "$1-x", "b", "(.*)\\\\.c") > 0x1F atan2 +Inf',
  '{"quoted metric", a="b"}[5m] @ 1603774568.123 offset 1w',
  'topk(3, max_over_time(rate(x[5m])[1h:1m])) # a comment\n * on() group_right() count_values("v", y)',
  'absent(up{job="x"}) or vector(time()) + scalar(z) - 1e3s',
  'sum_over_time(m[step() * 2 + 1m]) / quantile_over_time(-0.5, n{a!~""}[30s])',
];

const QUERY_TOKENS = tokensOf(
  'sum rate topk by without on ignoring group_left bool offset and or unless atan2 @ start',
  'end step up job { } [ ] ( ) ( ) , : = =~ != !~ == < >= + - * / % ^ "a" \'b\' `c` "(a+)+$"',
  '"[" 5m 1h30m 0 1 .5 1e9 Inf NaN 0x1f # ⏎ ␣ ␣ ␣ -( +( sum( rate(up[5m]) {a="b"} [5m]',
  '[1h:1m] a␣or␣ a^ "\\x41" "\\u00e9" "\\U00110000" "\\ud800" "\\777" "\\xff" 0x 0x. 0_1 1e 08',
  '1..2',
);

const SCRIPTS = [
  'load 5m\n  http_requests{job="api", instance="0"} 0+10x10 _ stale -5-1x3\n\n' +
    'eval instant at 50m sum(http_requests)\n  {} 1000\n',
  'clear\nload_with_nhcb 1m\n  h_bucket{le="0.1"} 1+1x5\n  n {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x3\n',
  'eval range from 0 to 10m step 1m up\n  expect no_warn\n  up 1 2 3 _ 5\n',
  'eval_fail instant at 1m {a="b"\n\neval instant at 1m x\n  expect warn msg: bad\n  expect ordered\n  x 1\n',
  'eval instant at 1m "s"\n  expect string "s"\n\neval instant at 0 1\n  1\n',
];

const SCRIPT_TOKENS = tokensOf(
  'load load_with_nhcb clear eval eval_fail instant range at from to step ␣ ␣ ⏎ ⏎␣␣ ⏎⏎ 5m 0',
  '1 a {a="b"} 0+10x10 x1000000 1x _ _x9 stale {{ }} schema: sum: buckets:[ ] offset:-4 -1',
  'expect␣ fail msg: regex: (a load␣1m⏎␣␣ eval␣instant␣at␣1m␣ counter_reset_hint:gauge',
  'n_offset:1 #',
);

const PATTERNS = [
  '^(?:a+)+$',
  '(?i)[a-z0-9._-]{1,20}',
  'foo|bar|(?P<n>baz)?',
  '\\d{3}\\.\\pL+[[:alpha:]]',
];
const PATTERN_TOKENS = tokensOf(
  'a b . * + ? | ( ) (?: (?i) (?P<n> [ ] [^ - ^ $ {1,3} {1000} {2,} \\d \\pL \\b \\1 \\ \\Q \\E',
  '[[:alpha:]] (a*)* é',
);

/** As Prometheus does, infinity is printed as `+Inf`, whose sign is an operator when it is read again. */
function withoutPlus(text: string): string {
  return text.replaceAll(/\++Inf/g, 'Inf');
}

describe('PromQL', () => {
  itWithstands({
    name: 'parseExpr',
    corpus: QUERIES,
    tokens: QUERY_TOKENS,
    refusals: [PromqlSyntaxError],
    decode(input) {
      const text = printExpr(parseExpr(input.toString('latin1')));
      const again = printExpr(parseExpr(text));
      promise(
        withoutPlus(again) === withoutPlus(text),
        () => `printed as ${text}, which is read as ${again}`,
      );
    },
  });

  itWithstands({
    name: 'prettyExpr',
    corpus: QUERIES,
    tokens: QUERY_TOKENS,
    refusals: [PromqlSyntaxError],
    decode(input) {
      const expr = parseExpr(input.toString());
      const text = prettyExpr(expr);
      const again = printExpr(parseExpr(text));
      promise(
        withoutPlus(again) === withoutPlus(printExpr(expr)),
        () => `made pretty as ${text}, which is read as ${again}`,
      );
    },
  });

  itWithstands({
    name: 'parseMetricSelector',
    corpus: ['up{job="a",b=~"c|d"}', '{__name__=~".+"}', '{"m",a!=""}'],
    tokens: QUERY_TOKENS,
    refusals: [PromqlSyntaxError],
    decode: (input) => void parseMetricSelector(input.toString('latin1')),
  });

  itWithstands({
    name: 'test script',
    corpus: SCRIPTS,
    tokens: SCRIPT_TOKENS,
    refusals: [ScriptSyntaxError],
    decode: (input) => parseScript(input.toString('latin1')).length > 0,
  });

  itWithstands({
    name: 'series notation',
    corpus: [
      'a{b="c"} 0+1x5 _ stale {{schema:1 sum:-0.3 count:3 z_bucket:1 buckets:[1 2]}}+{{sum:1}}x4',
    ],
    tokens: SCRIPT_TOKENS,
    refusals: [NotationError],
    decode: (input) => void parseSeriesNotation(input.toString('latin1')),
  });
});

describe('labels', () => {
  itWithstands({
    name: 'duration',
    corpus: ['1y2w3d4h5m6s7ms', '15s', '0', '90m'],
    tokens: ['1', '0', '9', '30', 'y', 'w', 'd', 'h', 'm', 's', 'ms', '-', '.'],
    maxBytes: 64,
    refusals: [DurationSyntaxError],
    decode(input) {
      const durationMs = parseDurationMs(input.toString('latin1'));
      promise(Number.isSafeInteger(durationMs) && durationMs >= 0, `read as ${durationMs} ms`);
      const again = parseDurationMs(formatDurationMs(durationMs));
      promise(again === durationMs, () => `${durationMs} ms came back as ${again} ms`);
    },
  });

  // Patterns bring their price: a repetition that is repeated has a program of thousands of states.
  itWithstands({
    name: 'regular expression',
    divisor: 2,
    corpus: PATTERNS,
    tokens: PATTERN_TOKENS,
    refusals: [RegExpSyntaxError],
    decode(input, random) {
      const pattern = new LinearRegExp(input.toString('latin1'));
      pattern.test('a'.repeat(random.size(64)) + 'b');
      pattern.test(input.toString('latin1', 0, 256));
    },
  });
});
