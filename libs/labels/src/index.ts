export { DurationSyntaxError, formatDurationMs, parseDurationMs } from './duration.ts';
export { compareUtf8 } from './label-order.ts';
export { DuplicateLabelError, Labels, METRIC_NAME } from './labels.ts';
export {
  compileLinearRegExp,
  LinearRegExp,
  MAX_PATTERN_LENGTH,
  type PatternShape,
  RegExpSyntaxError,
} from './linear-regexp.ts';
export { LinearSearch } from './linear-search.ts';
export { Matcher, type MatcherKind, matchesAll } from './matcher.ts';
export { isValidLegacyName, isValidUtf8Name } from './names.ts';
export { patternCost } from './pattern-cost.ts';
export { quoteLabelValue } from './quote.ts';
export { unescapeGo } from './unescape-go.ts';
