import type { LogBatch } from '../log-source.ts';
import type { RangeAggregation } from '../ast.ts';
import { compileLabelFilter } from '../pipeline/label-filters.ts';
import type { Line } from '../pipeline/line.ts';
import { parseByteSize, parseDurationNs, parseFloatStrictly } from '../units.ts';
import { LogqlQueryError } from './logql-query-error.ts';

/** The sample that a line is; null for a line that is none. */
export type SampleOf = (line: Line, batch: LogBatch) => number | null;

function parserOf(conversion: 'number' | 'duration' | 'duration_seconds' | 'bytes') {
  switch (conversion) {
    case 'number':
      return parseFloatStrictly;
    case 'bytes':
      return (text: string): number | null => {
        const bytes = parseByteSize(text);
        return Number.isNaN(bytes) ? null : bytes;
      };
    case 'duration':
    case 'duration_seconds':
      return (text: string): number | null => {
        const durationNs = parseDurationNs(text);
        return Number.isNaN(durationNs) ? null : durationNs / 1e9;
      };
  }
}

/**
 * What a range aggregation counts of a line: the line, its bytes, or the value of the label that is unwrapped.
 * The function throws a LogqlQueryError for a line that failed in its pipeline, unless a label filter let it go.
 */
export function compileSample(aggregation: RangeAggregation): SampleOf {
  const { unwrap, operator } = aggregation;
  if (unwrap === null) {
    const countsBytes = operator === 'bytes_over_time' || operator === 'bytes_rate';
    return (line) => {
      if (line.labels.error !== '') throw pipelineError(line);
      return countsBytes ? line.end - line.start : 1;
    };
  }
  const { label, conversion } = unwrap;
  const parse = parserOf(conversion);
  const filters = unwrap.filters.map(compileLabelFilter);
  return (line) => {
    const { labels } = line;
    const text = labels.get(label);
    if (text === '' && labels.error === '') return null;
    const value = text === '' ? 0 : parse(text);
    if (value === null) {
      labels.fail('SampleExtractionErr', `${JSON.stringify(text)} is no ${conversion}`);
    }
    for (const filter of filters) if (!filter(labels)) return null;
    if (labels.error !== '') throw pipelineError(line);
    labels.set(label, '');
    return value;
  };
}

function pipelineError({ labels }: Line): LogqlQueryError {
  const { error, errorDetails } = labels;
  return new LogqlQueryError(
    'pipeline',
    `pipeline error: '${error}' (${errorDetails}) for series: '${labels.toLabels().toString()}'.\nA label filter leaves such lines out: | __error__!="${error}" those with this error, | __error__="" those with any. It may stand behind unwrap as well.`,
  );
}
