import { readFileSync } from 'node:fs';
import { describe, expect } from '@jest/globals';
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
  const cases = new KnownFailures([
    // Prometheus 3.5 does not know fill(), and so takes it for a function.
    'rate(up[5m]) + fill(0) rate(down[5m])',
  ]);
  for (const record of recordsOf<{ expr: string; formatted?: string; error?: string }>(path)) {
    cases.it(record.expr, record.expr, () => {
      if (record.formatted !== undefined) {
        const expr = parseExpr(record.expr, { features: DEFAULT_FEATURES });
        expect(prettyExpr(expr)).toBe(record.formatted);
        expect(prettyExpr(parseExpr(printExpr(expr)))).toBe(record.formatted);
        return;
      }
      expect(() => parseExpr(record.expr, { features: DEFAULT_FEATURES })).toThrow(
        expect.objectContaining({ message: parseErrorIn(record) }),
      );
    });
  }
});

interface Answer {
  readonly status: string;
  readonly data?: unknown;
  readonly error?: string;
}

describeConformance('syntax trees', ['promql-compliance', 'golden', 'parse.ndjson'], (path) => {
  const cases = new KnownFailures([]);
  for (const record of recordsOf<{ query: string; parse: Answer; format: Answer }>(path)) {
    cases.it(record.query, record.query, () => {
      if (record.parse.status !== 'success') {
        expect(() => parseExpr(record.query, { features: DEFAULT_FEATURES })).toThrow(
          expect.objectContaining({ message: parseErrorIn(record.parse) }),
        );
        return;
      }
      const expr = parseExpr(record.query, { features: DEFAULT_FEATURES });
      expect(JSON.parse(JSON.stringify(exprToJson(expr)))).toEqual(record.parse.data);
      expect(prettyExpr(expr)).toBe(record.format.data);
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
    const cases = new KnownFailures([]);
    for (const query of seen) {
      cases.it(query, query, () => {
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
