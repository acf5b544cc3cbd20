import { quoteLabelValue } from '#libs/labels';
import type {
  BinaryExpr,
  Grouping,
  LabelChoice,
  LabelExtraction,
  LabelFilter,
  LogExpr,
  LogqlExpr,
  MetricExpr,
  RangeAggregation,
  Stage,
} from '../ast.ts';
import { formatDurationNs } from '../units.ts';

/** Writes a query on one line, such that parsing it gives the same tree. */
export function printLogql(expr: LogqlExpr): string {
  return expr.kind === 'log' ? printLog(expr) : printMetric(expr);
}

function printLog({ matchers, stages }: LogExpr): string {
  return [`{${matchers.join(', ')}}`, ...stages.map(printStage)].join(' ');
}

function printStage(stage: Stage): string {
  switch (stage.kind) {
    case 'line-filter': {
      const texts = stage.texts.map(({ kind, value }) =>
        kind === 'ip' ? `ip(${quoteLabelValue(value)})` : quoteLabelValue(value),
      );
      return `${stage.operator} ${texts.join(' or ')}`;
    }
    case 'json':
      return withExtractions('| json', stage.extractions);
    case 'logfmt': {
      const flags = `${stage.isStrict ? ' --strict' : ''}${stage.keepsEmpty ? ' --keep-empty' : ''}`;
      return withExtractions(`| logfmt${flags}`, stage.extractions);
    }
    case 'regexp':
    case 'pattern':
      return `| ${stage.kind} ${quoteLabelValue(stage.pattern)}`;
    case 'unpack':
    case 'decolorize':
      return `| ${stage.kind}`;
    case 'label-filter':
      return `| ${printFilterStage(stage.filter)}`;
    case 'line-format':
      return `| line_format ${quoteLabelValue(stage.template)}`;
    case 'label-format': {
      const assignments = stage.assignments.map(
        ({ target, source }) =>
          `${target}=${source.kind === 'label' ? source.value : quoteLabelValue(source.value)}`,
      );
      return `| label_format ${assignments.join(', ')}`;
    }
    case 'drop':
    case 'keep':
      return `| ${stage.kind} ${stage.choices.map(printChoice).join(', ')}`;
  }
}

function withExtractions(head: string, extractions: readonly LabelExtraction[]): string {
  if (extractions.length === 0) return head;
  const texts = extractions.map(
    ({ label, expression }) => `${label}=${quoteLabelValue(expression)}`,
  );
  return `${head} ${texts.join(', ')}`;
}

function printChoice(choice: LabelChoice): string {
  return choice.kind === 'name' ? choice.name : choice.matcher.toString();
}

/** Words that begin another stage when they come first behind the bar. */
const STAGE_WORDS =
  /^(?:json|logfmt|regexp|pattern|unpack|decolorize|line_format|label_format|drop|keep|unwrap)\b/;

function printFilterStage(filter: LabelFilter): string {
  const text = printFilter(filter);
  return STAGE_WORDS.test(text) ? `(${text})` : text;
}

function printFilter(filter: LabelFilter): string {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const right = printFilter(filter.right);
      const isJoined = filter.right.kind === 'and' || filter.right.kind === 'or';
      return `${printFilter(filter.left)} ${filter.kind} ${isJoined ? `(${right})` : right}`;
    }
    case 'matcher':
      return filter.matcher.toString();
    case 'ip':
      return `${filter.label} ${filter.isNegated ? '!=' : '='} ip(${quoteLabelValue(filter.value)})`;
    case 'number':
      return `${filter.label} ${filter.operator} ${printNumber(filter.value)}`;
    case 'duration':
      return `${filter.label} ${filter.operator} ${formatDurationNs(filter.value)}`;
    case 'bytes':
      return `${filter.label} ${filter.operator} ${printNumber(filter.value)}B`;
  }
}

/** Digits, without the exponent that a size cannot have. */
function printNumber(value: number): string {
  const text = String(value);
  return text.includes('e') && Number.isSafeInteger(value) ? BigInt(value).toString() : text;
}

function printMetric(expr: MetricExpr): string {
  switch (expr.kind) {
    case 'number':
      return printNumber(expr.value);
    case 'vector':
      return `vector(${printNumber(expr.value)})`;
    case 'range-aggregation':
      return printRange(expr);
    case 'vector-aggregation': {
      const { operator, grouping, parameter } = expr;
      const inner = printMetric(expr.expr);
      return `${operator}${printGrouping(grouping)}(${parameter === null ? '' : `${parameter}, `}${inner})`;
    }
    case 'label-replace': {
      const { target, replacement, source, pattern } = expr;
      const texts = [target, replacement, source, pattern].map(quoteLabelValue).join(', ');
      return `label_replace(${printMetric(expr.expr)}, ${texts})`;
    }
    case 'binary':
      return printBinary(expr);
  }
}

function printRange(expr: RangeAggregation): string {
  const { operator, parameter, log, unwrap, rangeNs, offsetNs, grouping } = expr;
  let text = printLog(log);
  if (unwrap !== null) {
    const { label, conversion, filters } = unwrap;
    text += ` | unwrap ${conversion === 'number' ? label : `${conversion}(${label})`}`;
    for (const filter of filters) text += ` | ${printFilterStage(filter)}`;
  }
  text += ` [${formatDurationNs(rangeNs)}]`;
  if (offsetNs !== 0) text += ` offset ${formatDurationNs(offsetNs)}`;
  const head = parameter === null ? '' : `${printNumber(parameter)}, `;
  return `${operator}${printGrouping(grouping)}(${head}${text})`;
}

function printGrouping(grouping: Grouping | null): string {
  if (grouping === null) return '';
  return ` ${grouping.isWithout ? 'without' : 'by'} (${grouping.labels.join(', ')}) `;
}

function printBinary({ operator, left, right, returnsBool, matching }: BinaryExpr): string {
  let middle = `${operator}${returnsBool ? ' bool' : ''}`;
  if (matching !== null) {
    middle += ` ${matching.isOn ? 'on' : 'ignoring'} (${matching.labels.join(', ')})`;
    if (matching.group !== null) {
      middle += ` group_${matching.group} (${matching.include.join(', ')})`;
    }
  }
  return `${printSide(left)} ${middle} ${printSide(right)}`;
}

function printSide(expr: MetricExpr): string {
  return expr.kind === 'binary' ? `(${printMetric(expr)})` : printMetric(expr);
}
