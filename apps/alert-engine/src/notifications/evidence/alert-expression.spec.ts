import { describe, expect, it } from '@jest/globals';
import { printExpr } from '#libs/promql';
import { expressionOf, measuredExpression } from './alert-expression.ts';

describe('the expression of an alert', () => {
  it.each<[string, string, string, number | null]>([
    ['up == 0', 'up', '== 0', 0],
    ['(sum by (job) (rate(x[5m])) > 0.9)', 'sum by (job) (rate(x[5m]))', '> 0.9', 0.9],
    ['5 < a', 'a', '> 5', 5],
    ['a < -1e3 and on (job) b', 'a', '< -1000', -1000],
    ['a > b', 'a', '', null],
    ['a > bool 3', 'a > bool 3', '', null],
    ['absent(up)', 'absent(up)', '', null],
  ])('%s', (text, measured, comparison, threshold) => {
    const found = measuredExpression(text)!;
    expect([printExpr(found.measured), found.comparison, found.threshold]).toEqual([
      measured,
      comparison,
      threshold,
    ]);
  });

  it('is read from links of our own only', () => {
    const link = 'http://me/graph?g0.expr=a+%3E+5&g0.tab=1';
    expect(expressionOf(link, 'http://me/')).toBe('a > 5');
    expect(expressionOf(link, 'http://you')).toBeNull();
    expect(expressionOf('', 'http://me')).toBeNull();
    expect(measuredExpression('a >')).toBeNull();
  });
});
