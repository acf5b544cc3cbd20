export {
  type AlertState,
  type AlertTiming,
  nextAlertState,
  type OutageOptions,
  stateAfterOutage,
} from './alert-state.ts';
export { type ActiveAlert, AlertingRule } from './alerting-rule.ts';
export { ApiEvaluator, type QueryApi } from './api-evaluator.ts';
export { confineRuleFile, type RuleConfinement } from './confine-rules.ts';
export {
  dueSlot,
  type GroupSchedule,
  groupKeyOf,
  nextSlotAfter,
  scheduleOf,
} from './group-schedule.ts';
export { MemoryAlertStateStore } from './memory-alert-state-store.ts';
export { parseRuleFile, type ParseRuleFileOptions } from './parse-rule-file.ts';
export {
  type AlertSink,
  type AlertStateChange,
  type AlertStateStore,
  type EvaluatedVector,
  EvaluationError,
  type Evaluator,
  type OutgoingAlert,
  type PreparedExpression,
  type RuleSink,
  type StoredAlert,
  type StoredAlerts,
} from './ports.ts';
export { QueryEngineEvaluator } from './query-engine-evaluator.ts';
export { ReactiveRules, type Touched } from './reactive-rules.ts';
export { RecordingRule } from './recording-rule.ts';
export { DEFAULT_RULE_TIMING, type RuleSource, type RuleTimingOptions } from './rule-context.ts';
export {
  type AlertingRuleConfig,
  type OtherLanguage,
  type RecordingRuleConfig,
  type RuleConfig,
  type RuleFile,
  RuleFileError,
  type RuleGroupConfig,
  type RuleProblem,
} from './rule-file.ts';
export {
  type AlertingEntry,
  type GroupCounters,
  type Rule,
  type RuleEntry,
  RuleGroup,
  type RuleHealth,
} from './rule-group.ts';
export {
  readRuleObject,
  type RuleObject,
  ruleObjectName,
  type RuleObjectOutcome,
  type RuleQuota,
  withinQuota,
} from './rule-objects.ts';
export {
  type LoadReport,
  RuleManager,
  type RuleManagerOptions,
  type RuleSurroundings,
} from './rule-manager.ts';
export {
  alertsToJson,
  parseRulesRequest,
  RulesRequestError,
  type RulesRequest,
  rulesToJson,
} from './rules-api.ts';
export { decodeStoredAlert, encodeStoredAlert } from './stored-alert-json.ts';
