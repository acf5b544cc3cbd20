import { PromqlSyntaxError, QueryError, type QueryResult } from '#libs/promql';
import type { QueryBody } from './peer-prometheus.ts';

/** An answer in a form in which two can be compared: series in the order they came, points by their time. */
export type Answer =
  | { readonly kind: 'failure'; readonly message: string }
  | { readonly kind: 'scalar' | 'vector' | 'matrix'; readonly series: readonly AnswerSeries[] };

interface AnswerSeries {
  readonly labels: string;
  readonly points: readonly (readonly [timeMs: number, value: number])[];
}

/** What 2.42 puts before the message. */
const WHERE_IT_FAILED = /^invalid parameter "query": |^execution: /;
/** Since Prometheus 3 this fails whether or not the comparison would have kept both. */
const SECOND_MATCH =
  'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)';
/** Since Prometheus 3 a range query may have series that become one, as long as they are never there at once. */
const SAME_LABELSET = 'vector cannot contain metrics with the same labelset';

type WirePoint = readonly [number, string];

interface WireSeries {
  readonly metric: Record<string, string>;
  readonly value?: WirePoint;
  readonly values?: readonly WirePoint[];
}

/** What Prometheus answered. */
export function answerOfBody(body: QueryBody): Answer {
  if (body.status === 'error' || body.data === undefined) {
    return { kind: 'failure', message: (body.error ?? '').replace(WHERE_IT_FAILED, '') };
  }
  const { resultType, result } = body.data;
  if (resultType === 'scalar') {
    return { kind: 'scalar', series: [{ labels: '', points: [pointOf(result as WirePoint)] }] };
  }
  const series = (result as readonly WireSeries[]).map(({ metric, value, values }) => ({
    labels: labelsText(metric),
    points: (values ?? [value!]).map(pointOf),
  }));
  return { kind: resultType === 'vector' ? 'vector' : 'matrix', series };
}

/** What our engine answered, or threw. */
export async function answerOf(answering: () => Promise<QueryResult>): Promise<Answer> {
  let result: QueryResult;
  try {
    result = await answering();
  } catch (error) {
    if (!(error instanceof PromqlSyntaxError) && !(error instanceof QueryError)) throw error;
    return { kind: 'failure', message: error.message };
  }
  const { value } = result;
  switch (value.kind) {
    case 'scalar':
      return { kind: 'scalar', series: [{ labels: '', points: [[value.timeMs, value.value]] }] };
    case 'vector': {
      const series = value.labels.map((labels, i) => ({
        labels: labelsText(labels.toRecord()),
        points: [[value.timeMs, value.values[i]!] as const],
      }));
      return { kind: 'vector', series };
    }
    case 'matrix': {
      const series = value.series.map(({ labels, timesMs, values }) => ({
        labels: labelsText(labels.toRecord()),
        points: [...timesMs].map((timeMs, i) => [timeMs, values[i]!] as const),
      }));
      return { kind: 'matrix', series };
    }
    case 'string':
      throw new Error('no string was asked for');
  }
}

/**
 * What is different, or null.
 * @param isSorted whether the order of values counts; series with equal values may come in any
 */
export function difference(ours: Answer, theirs: Answer, isSorted: boolean): string | null {
  if (theirs.kind === 'failure' && theirs.message === SAME_LABELSET && ours.kind === 'matrix') {
    return null;
  }
  if (ours.kind === 'failure' || theirs.kind === 'failure') {
    const isAgreed =
      ours.kind === 'failure' &&
      (ours.message === SECOND_MATCH ||
        (theirs.kind === 'failure' && isSameFailure(ours.message, theirs.message)));
    return isAgreed ? null : `ours: ${describe(ours)}\ntheirs: ${describe(theirs)}`;
  }
  if (ours.kind !== theirs.kind) return `ours is a ${ours.kind}, theirs a ${theirs.kind}`;
  const unsorted = firstDifference(byLabels(ours.series), byLabels(theirs.series));
  if (unsorted !== null || !isSorted) return unsorted;
  return firstDifference(ours.series.map(withoutLabels), theirs.series.map(withoutLabels));
}

/** Which of several things that are wrong is found first depends on the order of evaluation, except where parsing fails. */
function isSameFailure(ours: string, theirs: string): boolean {
  return ours === theirs || !(ours.includes('parse error') || theirs.includes('parse error'));
}

function firstDifference(
  ours: readonly AnswerSeries[],
  theirs: readonly AnswerSeries[],
): string | null {
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    const [a, b] = [ours[i], theirs[i]];
    if (a === undefined || b === undefined || !isSameSeries(a, b)) {
      return `series ${i} of ${ours.length} and ${theirs.length}\nours:   ${show(a)}\ntheirs: ${show(b)}`;
    }
  }
  return null;
}

function byLabels(list: readonly AnswerSeries[]): readonly AnswerSeries[] {
  return list.toSorted((a, b) => (a.labels < b.labels ? -1 : a.labels > b.labels ? 1 : 0));
}

function withoutLabels({ points }: AnswerSeries): AnswerSeries {
  return { labels: '', points };
}

function isSameSeries(a: AnswerSeries, b: AnswerSeries): boolean {
  return (
    a.labels === b.labels &&
    a.points.length === b.points.length &&
    a.points.every(([timeMs, value], i) => {
      const [otherMs, other] = b.points[i]!;
      return timeMs === otherMs && isClose(value, other);
    })
  );
}

/** To nine digits, and below one to nine places: two sums of the same terms may cancel out to different dust. */
function isClose(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}

function describe(answer: Answer): string {
  if (answer.kind === 'failure') return answer.message;
  return `${answer.series.length} series, first ${show(answer.series[0])}`;
}

function show(series: AnswerSeries | undefined): string {
  if (series === undefined) return 'none';
  const points = series.points.map(([timeMs, value]) => `${value}@${timeMs / 1_000}`);
  return `{${series.labels}} ${points.join(' ')}`;
}

function pointOf([seconds, value]: WirePoint): readonly [number, number] {
  return [Math.round(seconds * 1_000), numberOf(value)];
}

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .toSorted()
    .join(',');
}
