import type { ComparisonOperator, LabelFilter } from '../ast.ts';
import { parseByteSize, parseDurationNs, parseFloatStrictly } from '../units.ts';
import { IpSet } from './ip-set.ts';
import type { LineLabels } from './line-labels.ts';

export type LabelPredicate = (labels: LineLabels) => boolean;

const LABEL_FILTER_ERROR = 'LabelFilterErr';

const CONVERSIONS: Readonly<
  Record<'number' | 'duration' | 'bytes', (text: string) => number | null>
> = {
  number: parseFloatStrictly,
  duration: (text) => nullForNaN(parseDurationNs(text)),
  bytes: (text) => nullForNaN(parseByteSize(text)),
};

function nullForNaN(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** What a label filter asks of labels. A value that is no number passes, with an error on the line. */
export function compileLabelFilter(filter: LabelFilter): LabelPredicate {
  switch (filter.kind) {
    case 'and': {
      const left = compileLabelFilter(filter.left);
      const right = compileLabelFilter(filter.right);
      return (labels) => left(labels) && right(labels);
    }
    case 'or': {
      const left = compileLabelFilter(filter.left);
      const right = compileLabelFilter(filter.right);
      return (labels) => left(labels) || right(labels);
    }
    case 'matcher': {
      const { matcher } = filter;
      const { name } = matcher;
      return (labels) => matcher.matches(labels.get(name));
    }
    case 'ip': {
      const { label, isNegated } = filter;
      const addresses = new IpSet(filter.value);
      return (labels) => {
        const value = labels.get(label);
        if (value === '') return false;
        const isIn = addresses.has(value);
        if (isIn === null) {
          labels.fail(LABEL_FILTER_ERROR, `${JSON.stringify(value)} is no IP address`);
          return true;
        }
        return isIn !== isNegated;
      };
    }
    case 'number':
    case 'duration':
    case 'bytes': {
      const { label, value: limit, kind } = filter;
      const convert = CONVERSIONS[kind];
      const compare = COMPARISONS[filter.operator];
      return (labels) => {
        // A line that has failed before is let through, so that the failure shows.
        if (labels.error !== '') return true;
        const text = labels.get(label);
        if (text === '') return false;
        const value = convert(text);
        if (value === null) {
          labels.fail(LABEL_FILTER_ERROR, `${JSON.stringify(text)} is no ${kind}`);
          return true;
        }
        return compare(value, limit);
      };
    }
  }
}

const COMPARISONS: Readonly<Record<ComparisonOperator, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
};

/** The labels that a filter reads. */
export function labelsOfFilter(filter: LabelFilter): readonly string[] {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return [...labelsOfFilter(filter.left), ...labelsOfFilter(filter.right)];
    case 'matcher':
      return [filter.matcher.name];
    case 'number':
    case 'duration':
    case 'bytes':
    case 'ip':
      return [filter.label];
  }
}
