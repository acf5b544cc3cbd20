import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { exprToJson, parseExpr, prettyExpr, printExpr } from '#libs/promql';
import { describeConformance } from '../support/conformance.ts';
import { KnownFailures } from '../support/known-failures.ts';

/** The recordings were made by a Prometheus 3.5 with its default feature flags. */
const DEFAULT_FEATURES = {
  experimentalFunctions: false,
  durationExpressions: false,
  extendedRangeSelectors: false,
  fillModifiers: false,
};

describeConformance('expressions of rule files', ['rules', 'expressions.ndjson'], (path) => {
  const known = new KnownFailures([
    // Prometheus 3.5 does not know fill(), and so takes it for a function.
    'rate(up[5m]) + fill(0) rate(down[5m])',
  ]);
  for (const record of recordsOf<{ expr: string; formatted?: string; error?: string }>(path)) {
    const { expr: query, formatted } = record;
    if (formatted === undefined) {
      it(`refuses ${query}`, () =>
        known.run(query, () => {
          expect(() => parseExpr(query, { features: DEFAULT_FEATURES })).toThrow(
            expect.objectContaining({ message: parseErrorIn(record) }),
          );
        }));
      continue;
    }
    it(`formats ${query}`, () =>
      known.run(query, () => {
        const expr = parseExpr(query, { features: DEFAULT_FEATURES });
        expect(prettyExpr(expr)).toBe(formatted);
        expect(prettyExpr(parseExpr(printExpr(expr)))).toBe(formatted);
      }));
  }

  it('lists no known failure that is not there', () => {
    expect(known.unseen).toEqual([]);
  });
});

interface Answer {
  readonly status: string;
  readonly data?: unknown;
  readonly error?: string;
}

describeConformance('syntax trees', ['promql-compliance', 'golden', 'parse.ndjson'], (path) => {
  for (const record of recordsOf<{ query: string; parse: Answer; format: Answer }>(path)) {
    const { query, parse, format } = record;
    if (parse.status !== 'success') {
      it(`refuses ${query}`, () => {
        expect(() => parseExpr(query, { features: DEFAULT_FEATURES })).toThrow(
          expect.objectContaining({ message: parseErrorIn(parse) }),
        );
      });
      continue;
    }
    it(`reads ${query}`, () => {
      const expr = parseExpr(query, { features: DEFAULT_FEATURES });
      expect(JSON.parse(JSON.stringify(exprToJson(expr)))).toEqual(parse.data);
      expect(prettyExpr(expr)).toBe(format.data);
    });
  }
});

describeConformance('panel queries of dashboards', ['dashboards', 'queries.ndjson'], (path) => {
  const seen = new Set<string>();
  for (const { expr } of recordsOf<{ expr: string }>(path)) {
    // LogQL pipelines come with the dashboards as well.
    if (!/\{[^}]*\}\s*\|/.test(expr)) seen.add(expr);
  }
  describe('parse, print and parse again', () => {
    for (const query of seen) {
      it(`keeps ${query}`, () => {
        const printed = printExpr(parseExpr(withVariables(query)));
        expect(printExpr(parseExpr(printed))).toBe(printed);
      });
    }
  });
});

function withVariables(query: string): string {
  return query
    .replaceAll('$__rate_interval', '4m')
    .replaceAll('$__interval', '1m')
    .replaceAll('$interval', '1m')
    .replaceAll('$resolution', '5m')
    .replaceAll('$__range', '1h')
    .replace(/\$\{?\w+\}?/g, '.*');
}

function parseErrorIn(answer: object): string {
  const message = /(?:\d+:\d+|unknown position): parse error: (?:[^"\\]|\\.)*/.exec(
    JSON.stringify(answer),
  );
  if (message === null) throw new Error('no parse error recorded');
  return JSON.parse(`"${message[0]}"`) as string;
}

function recordsOf<T>(path: string): T[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}
