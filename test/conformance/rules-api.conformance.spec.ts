import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { MemorySeriesSource, QueryEngine } from '#libs/promql';
import {
  alertsToJson,
  DEFAULT_RULE_TIMING,
  MemoryAlertStateStore,
  parseRuleFile,
  parseRulesRequest,
  QueryEngineEvaluator,
  RuleManager,
  RulesRequestError,
  rulesToJson,
} from '#libs/rules';
import { conformancePath, describeConformance } from '../support/conformance.ts';

interface Call {
  name: string;
  path: string;
  params: [string, string][];
  status: number;
  json: unknown;
}

/** Times and durations vary from run to run. */
function withoutTimes(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, member: unknown) => {
      if (key === 'evaluationTime') return 0;
      if (key === 'lastEvaluation' || key === 'activeAt') {
        return String(member).startsWith('0001-') ? member : 'some time';
      }
      return member;
    }),
  );
}

describeConformance('the rules API', ['prometheus-api', 'rules-alerts-targets.ndjson'], (path) => {
  const calls = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Call)
    .filter((call) => call.path === '/api/v1/rules' || call.path === '/api/v1/alerts');
  const source = new MemorySeriesSource();
  const manager = new RuleManager({
    evaluator: new QueryEngineEvaluator(
      new QueryEngine({ nowMs: () => 0, yieldToLoop: () => Promise.resolve(), source }),
    ),
    sink: { append: () => Promise.resolve() },
    alertSink: { accept: () => undefined },
    stateStore: new MemoryAlertStateStore(),
    externalLabels: Labels.fromRecord({ cluster: 'eu' }),
    externalUrl: 'http://prometheus.example.com',
    clockMs: () => 0,
    yieldToLoop: () => Promise.resolve(),
    timing: DEFAULT_RULE_TIMING,
  });

  beforeAll(async () => {
    // The recorded server scraped 39 targets: three the rules speak of, and others.
    const nowMs = Date.parse('2026-11-20T22:36:52Z');
    const up = (job: string, instance: string, value: number): void =>
      source.add(Labels.fromRecord({ __name__: 'up', job, instance }), nowMs, {
        kind: 'float',
        value,
      });
    up('s500', '127.0.0.1:18090', 0);
    up('s404', '127.0.0.1:18090', 0);
    up('refused', '127.0.0.1:1', 0);
    for (let i = 0; i < 36; i++) up(`other${i}`, 'x', 1);
    const rules = readFileSync(conformancePath('prometheus-api', 'rules.yml')!, 'utf8');
    await manager.load([parseRuleFile(rules, { file: 'rules.yml' })], nowMs);
    for (const group of manager.groups) {
      // The hourly group had not had its first round.
      if (group.config.name !== 'slow-group') await group.evaluate(nowMs, nowMs);
    }
  });

  function answer(call: Call): { status: number; json: unknown } {
    try {
      const data =
        call.path === '/api/v1/alerts'
          ? alertsToJson(manager.groups)
          : rulesToJson(manager.groups, parseRulesRequest(new URLSearchParams(call.params)));
      return { status: 200, json: { status: 'success', data } };
    } catch (error) {
      if (!(error instanceof RulesRequestError)) throw error;
      const json = { status: 'error', errorType: error.code, error: error.message };
      return { status: 400, json };
    }
  }

  it.each(calls.map((call) => [call.name, call] as const))('%s', (_, call) => {
    const { status, json } = answer(call);
    expect(status).toBe(call.status);
    expect(withoutTimes(json)).toEqual(withoutTimes(call.json));
  });
});
