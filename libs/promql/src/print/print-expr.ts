import { formatDurationMs, isValidLegacyName, quoteLabelValue } from '#libs/labels';
import type {
  Aggregation,
  AtModifier,
  Binary,
  DurationExpr,
  Expr,
  Subquery,
  VectorSelector,
} from '../ast.ts';

/**
 * An expression as Prometheus writes it on one line. Comments and spacing are gone, label matchers are sorted; reading it
 * again gives the same expression.
 */
export function printExpr(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return expr.isDuration ? printDuration(expr.value) : printNumber(expr.value);
    case 'string':
      return quoteLabelValue(expr.value);
    case 'vector-selector':
      return printSelector(expr, true);
    case 'matrix-selector': {
      const { selector } = expr;
      const range = printBracketed(expr.range);
      return `${printSelector(selector, false)}[${range}]${printExtension(selector)}${printAt(selector.at)}${printOffset(selector.offset)}`;
    }
    case 'subquery':
      return `${printExpr(expr.expr)}${printSubquerySuffix(expr)}`;
    case 'unary':
      return `${expr.operator}${printExpr(expr.operand)}`;
    case 'binary':
      return `${printExpr(expr.left)} ${printOperator(expr)} ${printExpr(expr.right)}`;
    case 'aggregation': {
      const parameter = expr.parameter === null ? '' : `${printExpr(expr.parameter)}, `;
      return `${printAggregator(expr)}(${parameter}${printExpr(expr.expr)})`;
    }
    case 'call':
      return `${expr.functionName}(${expr.args.map(printExpr).join(', ')})`;
    case 'paren':
      return `(${printExpr(expr.expr)})`;
  }
}

/** The operator of an aggregation with its grouping: `sum by (job) `. */
export function printAggregator(aggregation: Aggregation): string {
  const { operator, grouping, isWithout } = aggregation;
  if (isWithout) return `${operator} without (${printLabelNames(grouping)}) `;
  return grouping.length > 0 ? `${operator} by (${printLabelNames(grouping)}) ` : operator;
}

/** A binary operator with its modifiers: `> bool on (job) group_left ()`. */
export function printOperator(binary: Binary): string {
  const { matching, operator, returnsBool } = binary;
  let text = returnsBool ? `${operator} bool` : operator;
  if (matching === null) return text;
  const { cardinality, isOn, labels, include, fillLeft, fillRight } = matching;
  const isGrouped = cardinality === 'many-to-one' || cardinality === 'one-to-many';
  if (labels.length > 0 || isOn || isGrouped) {
    text += ` ${isOn ? 'on' : 'ignoring'} (${printLabelNames(labels)})`;
  }
  if (isGrouped) {
    const side = cardinality === 'many-to-one' ? 'left' : 'right';
    text += ` group_${side} (${printLabelNames(include)})`;
  }
  if (fillLeft !== null && Object.is(fillLeft, fillRight)) {
    return `${text} fill (${printNumber(fillLeft)})`;
  }
  if (fillLeft !== null) text += ` fill_left (${printNumber(fillLeft)})`;
  if (fillRight !== null) text += ` fill_right (${printNumber(fillRight)})`;
  return text;
}

/** What follows the expression of a subquery: `[1h:5m] @ 10.000 offset 1m`. */
export function printSubquerySuffix(subquery: Subquery): string {
  const step = subquery.step === null ? '' : printBracketed(subquery.step);
  return `[${printBracketed(subquery.range)}:${step}]${printAt(subquery.at)}${printOffset(subquery.offset)}`;
}

/** A number without an exponent, in the fewest digits that give it back. */
export function printNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa = '', exponent] = String(Math.abs(value)).split('e');
  if (exponent === undefined) return sign + mantissa;
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return sign + digits.padEnd(point, '0');
}

function printSelector(selector: VectorSelector, hasModifiers: boolean): string {
  const { metricName, matchers } = selector;
  const conditions: string[] = [];
  for (const matcher of matchers) {
    const isName =
      matcher.name === '__name__' && matcher.kind === '=' && matcher.value === metricName;
    if (!isName || metricName === '') conditions.push(matcher.toString());
  }
  conditions.sort(compareBytes);
  const braces = conditions.length > 0 ? `{${conditions.join(',')}}` : '';
  // Prometheus writes nothing for a selector without any condition, which cannot be read again.
  const text = metricName === '' && braces === '' ? '{}' : metricName + braces;
  if (!hasModifiers) return text;
  return `${text}${printAt(selector.at)}${printExtension(selector)}${printOffset(selector.offset)}`;
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function printExtension(selector: VectorSelector): string {
  return selector.extension === null ? '' : ` ${selector.extension}`;
}

function printAt(at: AtModifier | null): string {
  if (at === null) return '';
  return at.kind === 'time' ? ` @ ${printSeconds(at.timeMs)}` : ` @ ${at.kind}()`;
}

function printSeconds(timeMs: number): string {
  const whole = BigInt(Math.abs(timeMs));
  const fraction = String(whole % 1000n).padStart(3, '0');
  return `${timeMs < 0 ? '-' : ''}${whole / 1000n}.${fraction}`;
}

function printOffset(offset: DurationExpr | null): string {
  return offset === null ? '' : ` offset ${printBracketed(offset)}`;
}

/** A whole duration expression; a number that stands alone is written as a duration. */
function printBracketed(duration: DurationExpr): string {
  return duration.kind === 'literal'
    ? printDuration(duration.seconds)
    : printDurationExpr(duration);
}

function printDurationExpr(duration: DurationExpr): string {
  switch (duration.kind) {
    case 'literal':
      return duration.isDuration ? printDuration(duration.seconds) : printNumber(duration.seconds);
    case 'step':
    case 'range':
      return `${duration.kind}()`;
    case 'negate':
      return `-${printDurationExpr(duration.operand)}`;
    case 'arithmetic':
      return `${printDurationExpr(duration.left)} ${duration.operator} ${printDurationExpr(duration.right)}`;
    case 'min':
    case 'max':
      return `${duration.kind}_of(${printDurationExpr(duration.left)}, ${printDurationExpr(duration.right)})`;
    case 'paren':
      return `(${printDurationExpr(duration.operand)})`;
  }
}

function printDuration(seconds: number): string {
  return formatDurationMs(Math.trunc(Number((seconds * 1000).toPrecision(15))));
}

function printLabelNames(names: readonly string[]): string {
  return names
    .map((name) => (isValidLegacyName(name, 'label') ? name : quoteLabelValue(name)))
    .join(', ');
}
