import { DurationSyntaxError, parseDurationMs, quoteLabelValue } from '#libs/labels';
import type { NumberLiteral } from '../ast.ts';
import { NumberSyntaxError, parseNumber } from './literals.ts';
import { spanOf, type TokenCursor } from './token-cursor.ts';

/** Takes a number or a duration, which stands for its seconds. */
export function takeNumberLiteral(cursor: TokenCursor): NumberLiteral {
  const { token } = cursor;
  const span = spanOf(token);
  const isDuration = token.kind === 'DURATION';
  if (!isDuration && token.kind !== 'NUMBER') cursor.unexpected();
  let value: number;
  try {
    value = isDuration ? parseDurationMs(token.text) / 1000 : parseNumber(token.text);
  } catch (error) {
    if (error instanceof NumberSyntaxError) return cursor.fail(error.message, span);
    if (!(error instanceof DurationSyntaxError)) throw error;
    return cursor.fail(
      error.message.endsWith('out of range')
        ? 'duration out of range'
        : `not a valid duration string: ${quoteLabelValue(token.text)}`,
      span,
    );
  }
  cursor.take();
  return { kind: 'number', value, isDuration, span };
}

/** Takes a number that may have a sign in front. */
export function takeSignedNumber(cursor: TokenCursor): number {
  const isNegative = cursor.is('-');
  if (isNegative || cursor.is('+')) cursor.take();
  const { value } = takeNumberLiteral(cursor);
  return isNegative ? -value : value;
}
