import { type Labels, METRIC_NAME } from '#libs/labels';
import { isStaleMarker, type SampleBatch, type SampleExemplar } from '#libs/samples';

/** One sample and what it is of. */
export interface Found {
  readonly labels: Labels;
  readonly batch: SampleBatch;
  readonly series: number;
  readonly sample: number;
}

/** A classic histogram or a summary of one moment, put together again from its series. */
export interface ClassicPoint {
  readonly kind: 'classic' | 'summary';
  readonly name: string;
  /** Those of its series, without the name and the bound. */
  readonly labels: Labels;
  readonly timeMs: number;
  /** 0 where it is not known. */
  readonly startMs: number;
  readonly help: string;
  /** Whether the series have ended; the numbers mean nothing then. */
  readonly isEnded: boolean;
  readonly count: number;
  /** Null where a histogram has none. */
  readonly sum: number | null;
  /** Of a histogram without the infinite one, ascending; of a summary its quantiles. */
  readonly bounds: readonly number[];
  /** Of a histogram one more than the bounds, what each bucket has for itself; of a summary the values of its quantiles. */
  readonly values: readonly number[];
  readonly exemplars: readonly SampleExemplar[];
}

type Part = 'bucket' | 'quantile' | 'sum' | 'count';

const SUFFIXES = { _sum: 'sum', _count: 'count' } as const;

/** What a series is of a histogram or summary, by its name and labels: types are not known of every series. */
function partOf(labels: Labels): { readonly part: Part; readonly base: string } | null {
  const name = labels.metricName;
  if (name.endsWith('_bucket') && labels.get('le') !== '') {
    return { part: 'bucket', base: name.slice(0, -'_bucket'.length) };
  }
  if (labels.get('quantile') !== '') return { part: 'quantile', base: name };
  for (const [suffix, part] of Object.entries(SUFFIXES)) {
    if (name.endsWith(suffix)) return { part, base: name.slice(0, -suffix.length) };
  }
  return null;
}

/** Whether a request may end between two neighbouring series of a batch: not within a histogram or a summary. */
export function maySeparate(before: Labels, after: Labels): boolean {
  const base = partOf(after)?.base;
  return base === undefined || partOf(before)?.base !== base;
}

interface Member extends Found {
  readonly part: Part;
}

interface Group {
  readonly base: string;
  readonly members: Member[];
}

/** Gathers series that may be parts of histograms and summaries, and puts together those that are whole. */
export class ClassicGroups {
  readonly #groups = new Map<string, Group>();

  /** @returns whether the sample was taken */
  take(found: Found): boolean {
    const { labels, batch, series, sample } = found;
    const role = partOf(labels);
    if (role === null || (batch.histograms?.[sample] ?? null) !== null) return false;
    const type = batch.metadata?.[series]?.type ?? 'unknown';
    if (type !== 'unknown' && type !== 'histogram' && type !== 'summary') return false;
    const key = `${role.base}\xff${batch.timesMs[sample]}\xff${commonLabels(labels).key}`;
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = { base: role.base, members: [] }));
    group.members.push({ ...found, part: role.part });
    return true;
  }

  /** The histograms and summaries that are whole, and everything else that was taken. */
  split(): { readonly points: readonly ClassicPoint[]; readonly rest: readonly Found[] } {
    const points: ClassicPoint[] = [];
    const rest: Found[] = [];
    for (const group of this.#groups.values()) {
      const point = toPoint(group);
      if (point === null) rest.push(...group.members);
      else points.push(point);
    }
    return { points, rest };
  }
}

const BOUNDS: ReadonlySet<string> = new Set([METRIC_NAME, 'le', 'quantile']);

function commonLabels(labels: Labels): Labels {
  return labels.without(BOUNDS);
}

function toPoint({ base, members }: Group): ClassicPoint | null {
  const ended = members.filter(isEnded).length;
  // Some of its series have ended and others have not.
  if (ended > 0 && ended < members.length) return null;
  const of = (part: Part): Member[] => members.filter((member) => member.part === part);
  const [counts, sums, buckets, quantiles] = [of('count'), of('sum'), of('bucket'), of('quantile')];
  const isHistogram = buckets.length > 0;
  if (counts.length !== 1 || sums.length > 1 || isHistogram === quantiles.length > 0) return null;
  const shape = isHistogram
    ? histogramShape(buckets, valueOf(counts[0]!), ended > 0)
    : summaryShape(quantiles);
  if (shape === null || (!isHistogram && sums.length === 0)) return null;
  const count = valueOf(counts[0]!);
  if (ended === 0 && !isCount(count)) return null;
  const first = members[0]!;
  return {
    kind: isHistogram ? 'classic' : 'summary',
    name: base,
    labels: commonLabels(first.labels),
    timeMs: first.batch.timesMs[first.sample]!,
    startMs: Math.max(...members.map(({ batch, sample }) => batch.startTimesMs?.[sample] ?? 0)),
    help: first.batch.metadata?.[first.series]?.help ?? '',
    isEnded: ended > 0,
    count: ended > 0 ? 0 : count,
    sum: sums[0] === undefined ? null : ended > 0 ? 0 : valueOf(sums[0]),
    exemplars: members.flatMap(({ batch, sample }) => batch.exemplars?.get(sample) ?? []),
    ...shape,
  };
}

type Shape = Pick<ClassicPoint, 'bounds' | 'values'>;

/** Buckets count everything below their bound; each is to have its own alone. */
function histogramShape(
  buckets: readonly Member[],
  count: number,
  areEnded: boolean,
): Shape | null {
  const sorted = byBound(buckets, 'le');
  const last = sorted?.at(-1);
  if (sorted === null || last === undefined || last.bound !== Infinity) return null;
  const bounds = sorted.slice(0, -1).map(({ bound }) => bound);
  if (areEnded) return { bounds, values: sorted.map(() => 0) };
  if (last.value !== count) return null;
  const values: number[] = [];
  let before = 0;
  for (const { value } of sorted) {
    if (!isCount(value) || value < before) return null;
    values.push(value - before);
    before = value;
  }
  return { bounds, values };
}

function summaryShape(quantiles: readonly Member[]): Shape | null {
  const sorted = byBound(quantiles, 'quantile');
  if (sorted === null) return null;
  return { bounds: sorted.map(({ bound }) => bound), values: sorted.map(({ value }) => value) };
}

/** Ascending, or null where a bound is no number or there twice. */
function byBound(
  members: readonly Member[],
  label: string,
): { readonly bound: number; readonly value: number }[] | null {
  const sorted = members
    .map((member) => ({ bound: parseBound(member.labels.get(label)), value: valueOf(member) }))
    .toSorted((a, b) => a.bound - b.bound);
  const isClear = sorted.every(
    ({ bound }, i) => !Number.isNaN(bound) && (i === 0 || bound > sorted[i - 1]!.bound),
  );
  return isClear ? sorted : null;
}

function parseBound(text: string): number {
  if (/^\+?Inf$/i.test(text)) return Infinity;
  return /^[+-]?(\d|\.\d)/.test(text) ? Number(text) : Number.NaN;
}

function valueOf({ batch, sample }: Found): number {
  return batch.values[sample]!;
}

function isEnded({ batch, sample }: Found): boolean {
  return isStaleMarker(batch.values, sample);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
