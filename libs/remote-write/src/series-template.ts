import type { Labels } from '#libs/labels';
import type { SampleBatch } from '#libs/samples';

/** The bytes of a time from 1971 to 2109: all of them take as many. */
const TIME_BYTES = 6;
const MIN_TIME_MS = 2 ** 35;
const MAX_TIME_MS = 2 ** 42 - 1;
const TWO_28 = 2 ** 28;
/** Tag and eight bytes of the value, tag and bytes of the time: what a series of one sample ends with. */
const VALUE_BEFORE_END = 8 + 1 + TIME_BYTES;

/**
 * The series of a batch as version 1 writes them, each with one sample, to be sent again with other samples: then only those
 * are written, and the labels, which are nine tenths of a message, are copied.
 */
export class SeriesTemplate {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** By series, where it ends in the bytes. */
  readonly #ends: Uint32Array;

  /** @param bytes copied: the whole batch as it was written, of which `ends` says where each series ends */
  constructor(bytes: Buffer, ends: Uint32Array) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(this.#bytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#ends = ends;
  }

  /**
   * The series from `first` up to `end` with the samples of a batch that has the same labels and is plain, too.
   * @returns valid until the next call
   */
  fill({ values, timesMs }: SampleBatch, first: number, end: number): Buffer {
    const bytes = this.#bytes;
    const view = this.#view;
    const ends = this.#ends;
    for (let series = first; series < end; series++) {
      let at = ends[series]! - VALUE_BEFORE_END;
      const value = values[series]!;
      if (value === value) view.setFloat64(at, value, true);
      else copyBits(values, series, view, at);
      at += 9;
      const timeMs = timesMs[series]!;
      const low = timeMs % TWO_28;
      const high = Math.floor(timeMs / TWO_28);
      bytes[at] = low | 0x80;
      bytes[at + 1] = (low >>> 7) | 0x80;
      bytes[at + 2] = (low >>> 14) | 0x80;
      bytes[at + 3] = (low >>> 21) | 0x80;
      bytes[at + 4] = high | 0x80;
      bytes[at + 5] = high >>> 7;
    }
    return bytes.subarray(first === 0 ? 0 : ends[first - 1]!, end === 0 ? 0 : ends[end - 1]!);
  }
}

/** Read as integers, the bits of a NaN cannot change on the way. */
function copyBits(values: Float64Array, index: number, view: DataView, at: number): void {
  const words = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  view.setUint32(at, words[0]!, true);
  view.setUint32(at + 4, words[1]!, true);
}

/** Whether a template can be made of a batch, and filled with it: each series has one float, at a usual time. */
export function isPlain(batch: SampleBatch): boolean {
  const { labels, firstSample, sampleCount, histograms, timesMs } = batch;
  if (histograms !== null || sampleCount !== labels.length) return false;
  for (let series = 0; series < sampleCount; series++) {
    const timeMs = timesMs[series]!;
    const hasUsualLength = timeMs >= MIN_TIME_MS && timeMs <= MAX_TIME_MS;
    if (firstSample[series] !== series || !hasUsualLength) return false;
  }
  return true;
}

/**
 * Templates by the labels of a batch, which one that is like an earlier one shares with it. Only those that come again get
 * one, and they go with the labels.
 */
export class SeriesTemplates {
  readonly #known = new WeakMap<readonly Labels[], SeriesTemplate | 'seen'>();

  find(labels: readonly Labels[]): SeriesTemplate | null {
    const known = this.#known.get(labels);
    return known === undefined || known === 'seen' ? null : known;
  }

  /** Whether it is worth while to make one; it is the second time. */
  wants(labels: readonly Labels[]): boolean {
    const known = this.#known.get(labels);
    if (known === undefined) this.#known.set(labels, 'seen');
    return known === 'seen';
  }

  keep(labels: readonly Labels[], template: SeriesTemplate): void {
    this.#known.set(labels, template);
  }
}
