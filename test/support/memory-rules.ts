import { Labels } from '#libs/labels';
import { MemorySeriesSource, QueryEngine } from '#libs/promql';
import {
  DEFAULT_RULE_TIMING,
  MemoryAlertStateStore,
  QueryEngineEvaluator,
  RuleManager,
} from '#libs/rules';

/** A rule manager over series in memory that keeps no results and tells nobody of alerts. */
export function createMemoryRuleManager(source = new MemorySeriesSource()): RuleManager {
  const engine = new QueryEngine({
    nowMs: () => 0,
    yieldToLoop: () => Promise.resolve(),
    source,
  });
  return new RuleManager({
    evaluator: new QueryEngineEvaluator(engine),
    sink: { append: () => Promise.resolve() },
    alertSink: { accept: () => undefined },
    stateStore: new MemoryAlertStateStore(),
    externalLabels: Labels.EMPTY,
    externalUrl: '',
    clockMs: () => 0,
    yieldToLoop: () => Promise.resolve(),
    timing: DEFAULT_RULE_TIMING,
  });
}
