import { describe, expect, it } from '@jest/globals';
import { parseExpr } from '#libs/promql';
import { ApiEvaluator } from './api-evaluator.ts';
import { EvaluationError } from './ports.ts';

function evaluatorOf(status: number, text: string): ApiEvaluator {
  return new ApiEvaluator({ query: () => Promise.resolve({ status, text }) });
}

function success(data: unknown): string {
  return JSON.stringify({ status: 'success', data });
}

describe('ApiEvaluator', () => {
  it('asks in the form of the API and reads a vector', async () => {
    const asked: unknown[] = [];
    const result = [
      { metric: { __name__: 'up', b: '1', a: '2', __proto__x: '3' }, value: [1, '0.5'] },
      { metric: {}, value: [1, '-Inf'] },
      { metric: { x: 'y' }, value: [1, 'NaN'] },
    ];
    const evaluator = new ApiEvaluator({
      query: (parameters) => {
        asked.push(parameters);
        return Promise.resolve({
          status: 200,
          text: success({ resultType: 'vector', result }),
        });
      },
    });
    const text = 'up   ==  1';
    const prepared = evaluator.prepare(parseExpr(text), text);
    const vector = await prepared.evaluate(1_700_000_000_123, null);
    expect(asked).toEqual([{ query: 'up == 1', time: '1700000000.123' }]);
    expect(vector.labels.map(String)).toEqual([
      'up{__proto__x="3", a="2", b="1"}',
      '{}',
      '{x="y"}',
    ]);
    expect([...vector.values]).toEqual([0.5, -Infinity, NaN]);
    expect(evaluator.share()).toBeNull();
  });
  it('takes a scalar for one sample without labels', async () => {
    const data = { resultType: 'scalar', result: [1, '42'] };
    const vector = await evaluatorOf(200, success(data)).query('42', 0);
    expect(vector.labels.map(String)).toEqual(['{}']);
    expect([...vector.values]).toEqual([42]);
  });
  it.each([
    [502, '<html>Bad\nGateway</html>', /status 502 .*<html>Bad Gateway<\/html>/],
    [200, '', /status 200/],
    [200, '[]', /not as Prometheus does/],
    [
      422,
      '{"status":"error","errorType":"execution","error":"too many samples"}',
      /answers execution: too many samples/,
    ],
    [200, success({ resultType: 'matrix', result: [] }), /not a vector or scalar/],
    [200, success(null), /not a vector or scalar/],
    [200, success({ resultType: 'vector', result: [3] }), /cannot be read: an element/],
    [
      200,
      success({ resultType: 'vector', result: [{ metric: {}, value: [1, ''] }] }),
      /is no number/,
    ],
    [
      200,
      success({ resultType: 'vector', result: [{ metric: { a: 1 }, value: [1, '1'] }] }),
      /label a is no text/,
    ],
    [200, success({ resultType: 'vector', result: [{ value: [1, '1'] }] }), /"metric"/],
    [
      200,
      success({ resultType: 'vector', result: [{ metric: {}, histogram: [1, {}] }] }),
      /native histograms/,
    ],
  ])('status %d, %s: says what is wrong', async (status, text, message) => {
    const evaluation = evaluatorOf(status, text).query('x', 0);
    await expect(evaluation).rejects.toThrow(EvaluationError);
    await expect(evaluation).rejects.toThrow(message);
  });
  it('makes an unreachable datasource the rule’s error', async () => {
    const evaluator = new ApiEvaluator({
      query: () => Promise.reject(new Error('connection refused')),
    });
    await expect(evaluator.query('x', 0)).rejects.toThrow(EvaluationError);
  });
});
