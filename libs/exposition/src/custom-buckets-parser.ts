import {
  type BucketSpan,
  compactHistogram,
  createFloatHistogram,
  CUSTOM_BUCKETS_SCHEMA,
  type FloatHistogram,
} from '#libs/histogram';
import { DuplicateLabelError, type Labels, METRIC_NAME } from '#libs/labels';
import { sortedLabels } from './body-cursor.ts';
import {
  type Exemplar,
  type ExpositionEntry,
  ExpositionError,
  type ExpositionParser,
  type MetricType,
} from './exposition-parser.ts';
import { FloatSyntaxError, parseFloatBytes } from './go-float.ts';

/** The classic series of one histogram, as they come one after the other. */
interface Group {
  /** All labels but `le`, with the family's name. */
  readonly flat: readonly string[];
  readonly key: string;
  /** Tells it apart: the bytes of its first series behind one that no series of a body begins with. */
  readonly bytes: Buffer;
  readonly timestampMs: number;
  readonly createdMs: number;
  readonly bounds: number[];
  readonly cumulative: number[];
  count: number;
  sum: number;
  readonly exemplars: Exemplar[];
}

/**
 * Makes native histograms with custom buckets of the classic ones of a body, whatever its format: each comes as an entry
 * of its own behind its last series. Histograms that are native already stay as they are.
 */
export class CustomBucketsParser implements ExpositionParser {
  readonly #inner: ExpositionParser;
  readonly #keepsClassic: boolean;
  #family = '';
  /** The histogram whose series are being read. */
  #group: Group | null = null;
  /** The histogram that is the current entry; null where the current entry is the body's own. */
  #own: Group | null = null;
  #waiting: ExpositionEntry | null = null;
  #isWaiting = false;
  /** What is native already under the current name: labels. */
  #nativeKey = '';

  constructor(inner: ExpositionParser, options: { readonly keepsClassicHistograms: boolean }) {
    this.#inner = inner;
    this.#keepsClassic = options.keepsClassicHistograms;
  }

  next(): ExpositionEntry | null {
    this.#own = null;
    if (this.#isWaiting) {
      this.#isWaiting = false;
      return this.#waiting;
    }
    for (;;) {
      const entry = this.#inner.next();
      if (entry === 'series' && this.#inner.metricType === 'histogram') {
        const shown = this.#takeClassic();
        if (shown !== null) return shown;
        continue;
      }
      if (entry === 'type') this.#family = this.#inner.metricFamily();
      if (entry === 'histogram') this.#nativeKey = keyOf(this.#inner.flatLabels());
      if (entry === 'comment' || this.#group === null) return entry;
      return this.#close(entry);
    }
  }

  /** @returns what to show of it, or null where it only adds to its histogram */
  #takeClassic(): ExpositionEntry | null {
    const part = classicPart(this.#inner.flatLabels(), this.#family);
    const key = part === null ? '' : keyOf(part.flat);
    if (part === null || key === this.#nativeKey) {
      return this.#group === null ? 'series' : this.#close('series');
    }
    const isNext = this.#group !== null && this.#group.key !== key;
    const ended = isNext ? this.#group : null;
    if (this.#group === null || isNext) this.#group = this.#begin(part.flat, key);
    this.#add(this.#group, part);
    if (ended === null) return this.#keepsClassic ? 'series' : null;
    this.#own = ended;
    if (this.#keepsClassic) {
      this.#waiting = 'series';
      this.#isWaiting = true;
    }
    return 'histogram';
  }

  #begin(flat: readonly string[], key: string): Group {
    const { bytes, seriesStart, seriesEnd, timestampMs } = this.#inner;
    return {
      flat,
      key,
      bytes: Buffer.concat([OWN_MARK, bytes.subarray(seriesStart, seriesEnd)]),
      timestampMs,
      createdMs: this.#inner.createdMs(),
      bounds: [],
      cumulative: [],
      count: Number.NaN,
      sum: 0,
      exemplars: [],
    };
  }

  #add(group: Group, { kind, bound }: ClassicPart): void {
    const { value } = this.#inner;
    if (kind === 'sum') group.sum = value;
    else if (kind === 'count') group.count = value;
    else {
      group.bounds.push(bound);
      group.cumulative.push(value);
      // As for other native histograms, without a time they say nothing.
      for (const exemplar of this.#inner.exemplars()) {
        if (!Number.isNaN(exemplar.timestampMs)) group.exemplars.push(exemplar);
      }
    }
  }

  /** Shows the histogram that has ended, and then `entry`. */
  #close(entry: ExpositionEntry | null): ExpositionEntry {
    this.#own = this.#group;
    this.#group = null;
    this.#waiting = entry;
    this.#isWaiting = true;
    return 'histogram';
  }

  get bytes(): Buffer {
    return this.#own?.bytes ?? this.#inner.bytes;
  }

  get seriesStart(): number {
    return this.#own === null ? this.#inner.seriesStart : 0;
  }

  get seriesEnd(): number {
    return this.#own?.bytes.length ?? this.#inner.seriesEnd;
  }

  get value(): number {
    return this.#inner.value;
  }

  get valueColumn(): Float64Array {
    return this.#inner.valueColumn;
  }

  get timestampMs(): number {
    return this.#own?.timestampMs ?? this.#inner.timestampMs;
  }

  get metricType(): MetricType {
    return this.#own === null ? this.#inner.metricType : 'histogram';
  }

  labels(): Labels {
    if (this.#own === null) return this.#inner.labels();
    try {
      return sortedLabels(this.#own.flat);
    } catch (error) {
      if (!(error instanceof DuplicateLabelError)) throw error;
      throw new ExpositionError(error.message, { line: this.line(), offset: 0 });
    }
  }

  flatLabels(): string[] {
    return this.#own === null ? this.#inner.flatLabels() : [...this.#own.flat];
  }

  histogram(): FloatHistogram {
    return this.#own === null ? this.#inner.histogram() : toCustomBuckets(this.#own);
  }

  get isIntegerHistogram(): boolean {
    if (this.#own === null) return this.#inner.isIntegerHistogram;
    return this.#own.cumulative.every(Number.isInteger);
  }

  exemplars(): readonly Exemplar[] {
    return this.#own?.exemplars ?? this.#inner.exemplars();
  }

  createdMs(): number {
    return this.#own?.createdMs ?? this.#inner.createdMs();
  }

  metricFamily(): string {
    return this.#inner.metricFamily();
  }

  text(): string {
    return this.#inner.text();
  }

  line(): number {
    return this.#inner.line();
  }
}

/** In no UTF-8 text. */
const OWN_MARK = Uint8Array.of(0xff);

interface ClassicPart {
  readonly kind: 'bucket' | 'count' | 'sum';
  readonly flat: readonly string[];
  readonly bound: number;
}

/** What a series is of the classic histogram `family`, or null where it is nothing of it. */
function classicPart(flat: readonly string[], family: string): ClassicPart | null {
  const name = flat[1]!;
  const kind = name.startsWith(family) ? KINDS.get(name.slice(family.length)) : undefined;
  if (kind === undefined) return null;
  const rest = [METRIC_NAME, family];
  let bound = Number.NaN;
  for (let i = 2; i < flat.length; i += 2) {
    if (flat[i] === 'le' && kind === 'bucket') bound = boundOf(flat[i + 1]!);
    else rest.push(flat[i]!, flat[i + 1]!);
  }
  return kind === 'bucket' && Number.isNaN(bound) ? null : { kind, flat: rest, bound };
}

const KINDS: ReadonlyMap<string, ClassicPart['kind']> = new Map([
  ['_bucket', 'bucket'],
  ['_count', 'count'],
  ['_sum', 'sum'],
]);

/** NaN where it is no number. */
function boundOf(text: string): number {
  const bytes = Buffer.from(text);
  try {
    return parseFloatBytes(bytes, 0, bytes.length);
  } catch (error) {
    if (error instanceof FloatSyntaxError) return Number.NaN;
    throw error;
  }
}

function keyOf(flat: readonly string[]): string {
  return flat.join('\xff');
}

/** The counts of the single buckets; what contradicts itself, such as a falling bucket, is seen by whoever checks them. */
function toCustomBuckets({ bounds, cumulative, count, sum }: Group): FloatHistogram {
  const order = bounds.map((_, i) => i).toSorted((a, b) => bounds[a]! - bounds[b]!);
  const customValues: number[] = [];
  const buckets: number[] = [];
  let below = 0;
  for (const i of order) {
    if (bounds[i] !== Infinity) customValues.push(bounds[i]!);
    buckets.push(cumulative[i]! - below);
    below = cumulative[i]!;
  }
  const all = Number.isNaN(count) ? below : count;
  if (buckets.length === customValues.length) buckets.push(all - below);
  const positiveSpans: BucketSpan[] = [{ offset: 0, length: buckets.length }];
  return compactHistogram(
    createFloatHistogram({
      schema: CUSTOM_BUCKETS_SCHEMA,
      count: all,
      sum,
      positiveSpans,
      positiveBuckets: buckets,
      customValues,
    }),
  );
}
