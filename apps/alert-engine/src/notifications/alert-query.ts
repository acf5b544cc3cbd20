import { MatcherTextError, parseMatchers, type SilenceState } from '#libs/dispatch';
import {
  compileLinearRegExp,
  type LinearRegExp,
  type Matcher,
  RegExpSyntaxError,
} from '#libs/labels';
import { AlertmanagerApiError } from './alertmanager-api-error.ts';

/** Which alerts a client asks for. */
export interface AlertQuery {
  readonly active: boolean;
  readonly silenced: boolean;
  readonly inhibited: boolean;
  readonly unprocessed: boolean;
  /** Of groups: whether those that a time interval keeps quiet are wanted. */
  readonly muted: boolean;
  readonly matchers: readonly Matcher[];
  /** Null for every receiver. */
  readonly receiver: LinearRegExp | null;
  /** Conditions on the labels of receivers. */
  readonly receiverMatchers: readonly Matcher[];
}

/** @throws AlertmanagerApiError */
export function parseAlertQuery(params: URLSearchParams): AlertQuery {
  return {
    active: readFlag(params, 'active'),
    silenced: readFlag(params, 'silenced'),
    inhibited: readFlag(params, 'inhibited'),
    unprocessed: readFlag(params, 'unprocessed'),
    muted: readFlag(params, 'muted'),
    matchers: params.getAll('filter').map(readMatcher),
    receiver: readReceiver(params.get('receiver')),
    receiverMatchers: params.getAll('receiver_matchers').map(readMatcher),
  };
}

/** Which silences a client asks for. */
export interface SilenceQuery {
  readonly states: ReadonlySet<SilenceState>;
  readonly matchers: readonly Matcher[];
}

/** @throws AlertmanagerApiError */
export function parseSilenceQuery(params: URLSearchParams): SilenceQuery {
  const states: readonly SilenceState[] = ['active', 'expired', 'pending'];
  return {
    states: new Set(states.filter((state) => readFlag(params, state))),
    matchers: params.getAll('filter').map(readMatcher),
  };
}

/** What is not one of Go's words for true is false; what is not there is true. */
function readFlag(params: URLSearchParams, name: string): boolean {
  const text = params.get(name);
  return text === null || /^(?:true|1|yes|ok|y|on|selected|checked|t|enabled)$/i.test(text);
}

/** One parameter holds one matcher, without braces. */
function readMatcher(text: string): Matcher {
  if (/^\s*\{|\}\s*$/.test(text)) {
    throw AlertmanagerApiError.refused(400, `unexpected open or close brace: ${text}`);
  }
  try {
    const [matcher, ...others] = parseMatchers(text);
    if (matcher !== undefined && others.length === 0) return matcher;
  } catch (error) {
    if (!(error instanceof MatcherTextError)) throw error;
    throw AlertmanagerApiError.refused(400, error.message);
  }
  throw AlertmanagerApiError.refused(400, `expected one matcher: ${text}`);
}

function readReceiver(pattern: string | null): LinearRegExp | null {
  if (pattern === null || pattern === '') return null;
  try {
    return compileLinearRegExp(pattern);
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    throw AlertmanagerApiError.refused(400, `failed to parse receiver param: ${error.message}`);
  }
}
