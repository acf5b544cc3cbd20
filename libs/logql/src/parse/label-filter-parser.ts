import type { MatcherKind } from '#libs/labels';
import type { ComparisonOperator, LabelFilter } from '../ast.ts';
import { checkIpPattern } from '../pipeline/ip-set.ts';
import type { TokenCursor } from './token-cursor.ts';

const COMPARISONS: ReadonlyMap<string, ComparisonOperator> = new Map([
  ['=', '=='],
  ['==', '=='],
  ['!=', '!='],
  ['>', '>'],
  ['>=', '>='],
  ['<', '<'],
  ['<=', '<='],
]);
const MATCHERS: ReadonlyMap<string, MatcherKind> = new Map([
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['=~', '=~'],
  ['!~', '!~'],
]);

/**
 * Takes predicates joined by `and`, a comma, a blank or `or`. `and` and `or` bind alike and to the left, as the
 * documentation says; parentheses group.
 */
export function takeLabelFilter(cursor: TokenCursor): LabelFilter {
  let filter = takePredicate(cursor);
  for (;;) {
    if (cursor.takeIfWord('or')) {
      filter = { kind: 'or', left: filter, right: takePredicate(cursor) };
    } else if (
      cursor.takeIfWord('and') ||
      cursor.takeIfSymbol(',') ||
      cursor.token.kind === 'identifier' ||
      cursor.isSymbol('(')
    ) {
      filter = { kind: 'and', left: filter, right: takePredicate(cursor) };
    } else {
      return filter;
    }
  }
}

function takePredicate(cursor: TokenCursor): LabelFilter {
  cursor.countPart();
  if (cursor.takeIfSymbol('(')) {
    cursor.enter();
    const inner = takeLabelFilter(cursor);
    cursor.leave();
    cursor.expectSymbol(')');
    return inner;
  }
  const label = cursor.expectIdentifier('a label to filter by');
  const operator = cursor.token;
  const comparison = COMPARISONS.get(operator.text);
  const matching = MATCHERS.get(operator.text);
  if (operator.kind !== 'symbol' || (comparison === undefined && matching === undefined)) {
    cursor.unexpected('expecting one of = != =~ !~ == > >= < <=');
  }
  cursor.take();
  const value = cursor.token;
  if (value.kind === 'string') {
    if (matching === undefined) cursor.unexpected(`${operator.text} compares with a number`);
    cursor.take();
    return { kind: 'matcher', matcher: cursor.matcher(label, matching, value.text, value) };
  }
  if (comparison === undefined) cursor.unexpected('expecting a pattern in quotes');
  if (value.kind === 'identifier' && value.text === 'ip') {
    if (comparison !== '==' && comparison !== '!=')
      cursor.unexpected('ip() is compared by = or !=');
    return { kind: 'ip', label, isNegated: comparison === '!=', value: takeIp(cursor) };
  }
  const isNegative = cursor.isSymbol('-');
  if (isNegative || cursor.isSymbol('+')) cursor.take();
  const { kind, value: magnitude } = cursor.token;
  if (kind !== 'number' && kind !== 'duration' && kind !== 'bytes') {
    cursor.unexpected('expecting a string, a number, a duration, a size or ip("…")');
  }
  cursor.take();
  return { kind, label, operator: comparison, value: isNegative ? -magnitude : magnitude };
}

/** Takes `ip("…")` and gives the pattern in it. */
export function takeIp(cursor: TokenCursor): string {
  cursor.take();
  cursor.expectSymbol('(');
  const { token } = cursor;
  const pattern = cursor.expectString('an address, a range or a CIDR');
  const reason = checkIpPattern(pattern);
  if (reason !== null) cursor.fail(reason, token);
  cursor.expectSymbol(')');
  return pattern;
}
