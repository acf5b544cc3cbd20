import { createHash } from 'node:crypto';
import { formatFloat, GoTime } from '#libs/go-template';
import { matchesAll, type Matcher, RegExpSyntaxError } from '#libs/labels';
import { parseMetricSelector, PromqlSyntaxError } from '#libs/promql';
import type { ActiveAlert, AlertingRule } from './alerting-rule.ts';
import { hasTriggers } from './reactive-rules.ts';
import { printNoData } from './rule-extensions.ts';
import type { RuleEntry, RuleGroup } from './rule-group.ts';

/** A parameter of the rules API that is refused; the message is Prometheus's. */
export class RulesRequestError extends Error {
  override readonly name = 'RulesRequestError';
  readonly code = 'bad_data';
}

/** Which rules are asked for. */
export interface RulesRequest {
  readonly type: 'alert' | 'record' | null;
  readonly ruleNames: ReadonlySet<string>;
  readonly groupNames: ReadonlySet<string>;
  readonly files: ReadonlySet<string>;
  /** A rule has to fulfil every matcher of one of these; none for every rule. */
  readonly matcherSets: readonly (readonly Matcher[])[];
  readonly excludesAlerts: boolean;
  /** Whether each rule says how many samples it gave last and whether it reacts to its data; ours alone. */
  readonly hasDetails: boolean;
  /** Most groups in the answer, or null. */
  readonly groupLimit: number | null;
  readonly groupNextToken: string;
}

const TRUE_WORDS = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE_WORDS = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/**
 * Reads the parameters of `GET /api/v1/rules`.
 * @throws RulesRequestError
 */
export function parseRulesRequest(params: URLSearchParams): RulesRequest {
  const type = params.get('type') ?? '';
  if (type !== '' && type !== 'alert' && type !== 'record') {
    throw invalid('type', `not supported value ${JSON.stringify(type)}`);
  }
  const exclude = params.get('exclude_alerts') ?? '';
  if (exclude !== '' && !TRUE_WORDS.has(exclude) && !FALSE_WORDS.has(exclude)) {
    throw invalid(
      'exclude_alerts',
      `error converting exclude_alerts: strconv.ParseBool: parsing ${JSON.stringify(exclude)}: invalid syntax`,
    );
  }
  const details = params.get('details') ?? '';
  if (details !== '' && !TRUE_WORDS.has(details) && !FALSE_WORDS.has(details)) {
    throw invalid('details', `${JSON.stringify(details)} is neither true nor false`);
  }
  const limitText = params.get('group_limit') ?? '';
  const groupNextToken = params.get('group_next_token') ?? '';
  if (groupNextToken !== '' && limitText === '') {
    throw invalid(
      'group_next_token',
      'group_limit needs to be present in order to paginate over the groups',
    );
  }
  return {
    type: type === '' ? null : type,
    ruleNames: new Set(params.getAll('rule_name[]')),
    groupNames: new Set(params.getAll('rule_group[]')),
    files: new Set(params.getAll('file[]')),
    matcherSets: params.getAll('match[]').map(parseMatchers),
    excludesAlerts: TRUE_WORDS.has(exclude),
    hasDetails: TRUE_WORDS.has(details),
    groupLimit: limitText === '' ? null : parseGroupLimit(limitText),
    groupNextToken,
  };
}

function parseMatchers(text: string): readonly Matcher[] {
  try {
    return parseMetricSelector(text);
  } catch (error) {
    if (error instanceof PromqlSyntaxError || error instanceof RegExpSyntaxError) {
      throw new RulesRequestError(error.message);
    }
    throw error;
  }
}

function parseGroupLimit(text: string): number {
  const limit = Number(text);
  if (!/^[+-]?[0-9]+$/.test(text) || Math.abs(limit) > 0x7fff_ffff) {
    throw invalid(
      'group_limit',
      `group_limit needs to be a valid number: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  if (limit <= 0) throw invalid('group_limit', 'group_limit needs to be greater than 0');
  return limit;
}

function invalid(parameter: string, message: string): RulesRequestError {
  return new RulesRequestError(`invalid parameter ${JSON.stringify(parameter)}: ${message}`);
}

/**
 * The `data` of `GET /api/v1/rules`.
 * @param groups sorted by file, then name
 * @throws RulesRequestError for a token of groups that are gone
 */
export function rulesToJson(groups: readonly RuleGroup[], request: RulesRequest): object {
  let isSkipping = request.groupNextToken !== '';
  const answer: object[] = [];
  let nextToken: string | null = null;
  for (const group of groups) {
    if (isSkipping && tokenOf(group) !== request.groupNextToken) continue;
    isSkipping = false;
    const json = groupToJson(group, request);
    if (json === null) continue;
    if (request.groupLimit !== null && answer.length === request.groupLimit) {
      nextToken = tokenOf(group);
      break;
    }
    answer.push(json);
  }
  if (isSkipping) {
    throw new RulesRequestError(
      `invalid group_next_token '${request.groupNextToken}'. were rule groups changed?`,
    );
  }
  return nextToken === null ? { groups: answer } : { groups: answer, groupNextToken: nextToken };
}

/** What `group_next_token` says for a group: the one an answer goes on with. */
function tokenOf(group: RuleGroup): string {
  return createHash('sha1').update(group.key).digest('hex');
}

function groupToJson(group: RuleGroup, request: RulesRequest): object | null {
  const { config } = group;
  if (request.groupNames.size > 0 && !request.groupNames.has(config.name)) return null;
  if (request.files.size > 0 && !request.files.has(config.file)) return null;
  const rules = group.rules
    .filter((entry) => isAskedFor(entry, request))
    .map((entry) => ruleToJson(entry, request));
  if (rules.length === 0) return null;
  return {
    name: config.name,
    file: config.file,
    rules,
    interval: group.intervalMs / 1_000,
    limit: config.limit,
    evaluationTime: group.lastDurationMs / 1_000,
    lastEvaluation: toRfc3339(group.lastEvaluationMs),
  };
}

function isAskedFor({ rule }: RuleEntry, request: RulesRequest): boolean {
  if (request.type === 'alert' && rule.kind !== 'alerting') return false;
  if (request.type === 'record' && rule.kind !== 'recording') return false;
  if (request.ruleNames.size > 0 && !request.ruleNames.has(rule.name)) return false;
  const { matcherSets } = request;
  return matcherSets.length === 0 || matcherSets.some((set) => matchesAll(rule.labels, set));
}

function ruleToJson({ rule, health }: RuleEntry, request: RulesRequest): object {
  const state = {
    health: health.health,
    ...(health.lastError === '' ? {} : { lastError: health.lastError }),
    evaluationTime: health.durationMs / 1_000,
    lastEvaluation: toRfc3339(health.lastEvaluationMs),
    ...(request.hasDetails ? { lastSamples: health.sampleCount } : {}),
  };
  if (rule.kind === 'recording') {
    const labels = rule.labels.size === 0 ? {} : { labels: rule.labels.toRecord() };
    return { name: rule.name, query: rule.query, ...labels, ...state, type: 'recording' };
  }
  const { noData } = rule.config.extensions;
  return {
    state: rule.state,
    name: rule.name,
    query: rule.query,
    duration: rule.config.holdMs / 1_000,
    keepFiringFor: rule.config.keepFiringMs / 1_000,
    ...(request.hasDetails ? { reactive: hasTriggers(rule) } : {}),
    ...(noData.kind === 'resolve' ? {} : { noData: printNoData(noData) }),
    labels: rule.labels.toRecord(),
    annotations: rule.annotations.toRecord(),
    alerts: request.excludesAlerts ? null : activeAlertsOf(rule),
    ...state,
    type: 'alerting',
  };
}

function activeAlertsOf(rule: AlertingRule): object[] {
  return [...rule.alerts.values()]
    .filter(({ state }) => state.kind !== 'inactive')
    .map(alertToJson);
}

/** The `data` of `GET /api/v1/alerts`. */
export function alertsToJson(groups: readonly RuleGroup[]): object {
  return { alerts: groups.flatMap((group) => [...group.activeAlerts()].map(alertToJson)) };
}

function alertToJson({ labels, annotations, value, state, noDataSinceMs }: ActiveAlert): object {
  const activeAtMs = state.kind === 'inactive' ? null : state.activeAtMs;
  const missingSinceMs = state.kind === 'firing' ? state.missingSinceMs : null;
  return {
    labels: labels.toRecord(),
    annotations: annotations.toRecord(),
    state: state.kind,
    activeAt: toRfc3339(activeAtMs),
    ...(missingSinceMs === null ? {} : { keepFiringSince: toRfc3339(missingSinceMs) }),
    value: formatFloat(value, 'e', -1),
    ...(noDataSinceMs === null ? {} : { noDataSince: toRfc3339(noDataSinceMs) }),
  };
}

/** A time as Go's JSON has it; null is Go's zero time. */
function toRfc3339(timeMs: number | null): string {
  const time = timeMs === null ? GoTime.ZERO : GoTime.fromMs(timeMs);
  return time.format('2006-01-02T15:04:05.999999999Z07:00');
}
