export { parseRuleFile, type ParseRuleFileOptions } from './parse-rule-file.ts';
export {
  type AlertingRuleConfig,
  type RecordingRuleConfig,
  type RuleConfig,
  type RuleFile,
  RuleFileError,
  type RuleGroupConfig,
  type RuleProblem,
} from './rule-file.ts';
