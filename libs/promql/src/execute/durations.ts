import type { AtModifier, DurationExpr } from '../ast.ts';
import type { Evaluation } from './evaluation.ts';
import { QueryError } from './query-error.ts';

/** Whether a duration needs the query's times to be known. */
export function dependsOnQuery(duration: DurationExpr): boolean {
  switch (duration.kind) {
    case 'literal':
      return false;
    case 'step':
    case 'range':
      return true;
    case 'negate':
    case 'paren':
      return dependsOnQuery(duration.operand);
    case 'arithmetic':
    case 'min':
    case 'max':
      return dependsOnQuery(duration.left) || dependsOnQuery(duration.right);
  }
}

/** A text that two durations share only if they are equal. */
export function durationKey(duration: DurationExpr | null): string {
  if (duration === null) return '-';
  switch (duration.kind) {
    case 'literal':
      return String(duration.seconds);
    case 'step':
    case 'range':
      return duration.kind;
    case 'negate':
    case 'paren':
      return `${duration.kind}(${durationKey(duration.operand)})`;
    case 'arithmetic':
      return `(${durationKey(duration.left)}${duration.operator}${durationKey(duration.right)})`;
    case 'min':
    case 'max':
      return `${duration.kind}(${durationKey(duration.left)},${durationKey(duration.right)})`;
  }
}

const MAX_SECONDS = 9_223_372_036;

/** What a duration comes to, in milliseconds. @throws QueryError for one that is out of range */
export function durationMs(duration: DurationExpr, evaluation: Evaluation): number {
  const seconds = secondsOf(duration, evaluation);
  if (!(Math.abs(seconds) <= MAX_SECONDS)) {
    throw new QueryError('execution', 'duration out of range');
  }
  return Math.round(seconds * 1_000);
}

/** As {@link durationMs}, for a range or a step. @throws QueryError unless it is above zero */
export function positiveDurationMs(duration: DurationExpr, evaluation: Evaluation): number {
  const ms = durationMs(duration, evaluation);
  if (ms <= 0) throw new QueryError('execution', 'duration must be greater than 0');
  return ms;
}

function secondsOf(duration: DurationExpr, evaluation: Evaluation): number {
  switch (duration.kind) {
    case 'literal':
      return duration.seconds;
    case 'step':
      return evaluation.options.stepMs / 1_000;
    case 'range':
      return (evaluation.options.endMs - evaluation.options.startMs) / 1_000;
    case 'negate':
      return -secondsOf(duration.operand, evaluation);
    case 'paren':
      return secondsOf(duration.operand, evaluation);
    case 'arithmetic':
      return arithmetic(
        duration.operator,
        secondsOf(duration.left, evaluation),
        secondsOf(duration.right, evaluation),
      );
    case 'min':
      return Math.min(secondsOf(duration.left, evaluation), secondsOf(duration.right, evaluation));
    case 'max':
      return Math.max(secondsOf(duration.left, evaluation), secondsOf(duration.right, evaluation));
  }
}

function arithmetic(operator: '+' | '-' | '*' | '/' | '%' | '^', a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      if (b === 0) throw new QueryError('execution', 'division by zero');
      return a / b;
    case '%':
      if (b === 0) throw new QueryError('execution', 'modulo by zero');
      return a % b;
    case '^':
      return a ** b;
  }
}

/** The fixed time of an `@` modifier, or null without one. */
export function atTimeMs(at: AtModifier | null, evaluation: Evaluation): number | null {
  if (at === null) return null;
  switch (at.kind) {
    case 'time':
      return at.timeMs;
    case 'start':
      return evaluation.options.startMs;
    case 'end':
      return evaluation.options.endMs;
  }
}

/** A text that two modifiers share only if they are equal. */
export function atKey(at: AtModifier | null): string {
  if (at === null) return '-';
  return at.kind === 'time' ? String(at.timeMs) : at.kind;
}
