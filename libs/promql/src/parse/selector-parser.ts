import {
  isValidUtf8Name,
  Matcher,
  type MatcherKind,
  quoteLabelValue,
  RegExpSyntaxError,
} from '#libs/labels';
import type { VectorSelector } from '../ast.ts';
import { unquoteString } from './literals.ts';
import { spanOf, type TokenCursor } from './token-cursor.ts';
import { canBeLabelName, canBeMetricName, type Token, type TokenKind } from './tokens.ts';

/** Takes a selector without its modifiers: a name, matchers in braces, or both. */
export function takeVectorSelector(cursor: TokenCursor): VectorSelector {
  const { token } = cursor;
  if (token.kind === '{') return selectorOf('', token.start, takeMatchers(cursor), cursor);
  if (!canBeMetricName(token.kind)) cursor.unexpected();
  return takeRestOfSelector(cursor, cursor.take());
}

/** Takes what may follow a name that was just taken. */
export function takeRestOfSelector(cursor: TokenCursor, name: Token): VectorSelector {
  const matchers = cursor.is('{') ? takeMatchers(cursor) : [];
  matchers.push(new Matcher('__name__', '=', name.text));
  return selectorOf(name.text, name.start, matchers, cursor);
}

function selectorOf(
  metricName: string,
  start: number,
  matchers: readonly Matcher[],
  cursor: TokenCursor,
): VectorSelector {
  return {
    kind: 'vector-selector',
    metricName,
    matchers,
    offset: null,
    at: null,
    extension: null,
    span: { start, end: cursor.lastEnd },
  };
}

function takeMatchers(cursor: TokenCursor): Matcher[] {
  cursor.take();
  const matchers: Matcher[] = [];
  while (!cursor.is('}')) {
    matchers.push(
      cursor.within('in label matching, expected identifier or "}"', () => takeMatcher(cursor)),
    );
    if (cursor.is('}')) break;
    cursor.within('in label matching, expected "," or "}"', () => cursor.expect(','));
  }
  cursor.take();
  return matchers;
}

function takeMatcher(cursor: TokenCursor): Matcher {
  const label = cursor.token;
  if (label.kind !== 'IDENTIFIER' && label.kind !== 'STRING') cursor.unexpected();
  const name = label.kind === 'STRING' ? unquoteString(label.text) : label.text;
  cursor.take();
  const { kind } = cursor.token;
  if (!isMatchOperator(kind)) {
    if (label.kind === 'STRING') return new Matcher('__name__', '=', name);
    return cursor.within('in label matching, expected label matching operator', () =>
      cursor.unexpected(),
    );
  }
  cursor.take();
  const value = cursor.within('in label matching, expected string', () => cursor.expect('STRING'));
  const text = unquoteString(value.text);
  const span = { start: label.start, end: value.end };
  if (kind === '=~' || kind === '!~') cursor.countPattern(text, span);
  try {
    const matcher = new Matcher(name, kind, text);
    if (matcher.regexp !== null) cursor.addPatternCost(text, matcher.regexp.matchingCost, span);
    return matcher;
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    return cursor.fail(error.message, span);
  }
}

function isMatchOperator(kind: TokenKind): kind is MatcherKind {
  return kind === '=' || kind === '!=' || kind === '=~' || kind === '!~';
}

/** Takes the names in the parentheses after `by`, `on`, `group_left` and their like. */
export function takeGroupingLabels(cursor: TokenCursor): string[] {
  cursor.within('in grouping opts, expected "("', () => cursor.expect('('));
  const labels: string[] = [];
  while (!cursor.is(')')) {
    labels.push(cursor.within('in grouping opts, expected label', () => takeGroupingLabel(cursor)));
    if (cursor.is(')')) break;
    cursor.within('in grouping opts, expected "," or ")"', () => cursor.expect(','));
  }
  cursor.take();
  return labels;
}

function takeGroupingLabel(cursor: TokenCursor): string {
  const { token } = cursor;
  if (token.kind === 'STRING') {
    const label = unquoteString(token.text);
    if (!isValidUtf8Name(label)) {
      cursor.fail(`invalid label name ${quoteLabelValue(label)} in grouping`, spanOf(token));
    }
    cursor.take();
    return label;
  }
  if (!canBeLabelName(token.kind) || token.text.includes(':')) cursor.unexpected();
  return cursor.take().text;
}
