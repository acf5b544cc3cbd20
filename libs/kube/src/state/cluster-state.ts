import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import type { Labels } from '#libs/labels';
import type { ObjectOf } from '../resources.ts';
import { objectState, type StateOptions, type StateResource } from './object-state.ts';
import { type ObjectSeries, type Pair, seriesText, StateWriter } from './state-writer.ts';

export interface ClusterStateOptions extends StateOptions {
  /** What every series carries: `job`, `instance`. */
  readonly commonLabels: readonly Pair[];
  /** Series kept at most; objects that do not fit have none, and are counted. */
  readonly maxSeries: number;
}

/** A clock that went back further than this is believed; less is bridged so that no series goes back in time. */
const MAX_BRIDGED_MS = 60_000;

/**
 * The series of many objects, kept per object: a change costs the series of the object that changed. `takeChanges` gives
 * what is new since it was last asked, `takeAll` every series.
 */
export class ClusterState {
  readonly #options: ClusterStateOptions;
  readonly #writer: StateWriter;
  readonly #objects = new Map<string, ObjectSeries>();
  /** By object, what it last had when it was told; null when it had not been told. */
  readonly #changed = new Map<string, ObjectSeries | null>();
  readonly #builder = new SampleBatchBuilder();
  #series = 0;
  #droppedObjects = 0;
  #lastMs = 0;

  constructor(options: ClusterStateOptions) {
    this.#options = options;
    this.#writer = new StateWriter(options.commonLabels);
  }

  /** Series there are now. */
  get seriesCount(): number {
    return this.#series;
  }

  get objectCount(): number {
    return this.#objects.size;
  }

  /** How often an object got no series because there were too many. */
  get droppedObjects(): number {
    return this.#droppedObjects;
  }

  /** Whether `takeChanges` has something to give. */
  get hasChanges(): boolean {
    return this.#changed.size > 0;
  }

  /** An object is new or has changed. */
  put<N extends StateResource>(resource: N, key: string, object: ObjectOf<N>): void {
    const id = `${resource} ${key}`;
    const series = objectState(resource, object, this.#writer, this.#options);
    const before = this.#objects.get(id);
    const count = this.#series - (before?.labels.length ?? 0) + series.labels.length;
    if (count > this.#options.maxSeries) {
      this.#droppedObjects++;
      this.#forget(id);
      return;
    }
    this.#remember(id);
    this.#series = count;
    this.#objects.set(id, series);
  }

  /** An object is gone. */
  remove(resource: StateResource, key: string): void {
    this.#forget(`${resource} ${key}`);
  }

  /** Values that changed, series that are new, and stale markers for those that are gone. */
  takeChanges(nowMs: number): SampleBatch {
    const timeMs = this.#time(nowMs);
    for (const [id, before] of this.#changed) {
      const now = this.#objects.get(id) ?? null;
      this.#addDifference(before, now, timeMs);
    }
    this.#changed.clear();
    return this.#builder.take();
  }

  /** Every series there is, and stale markers for those gone since the last batch. */
  takeAll(nowMs: number): SampleBatch {
    const timeMs = this.#time(nowMs);
    for (const [id, before] of this.#changed) {
      if (before !== null) this.#addEnded(before, this.#objects.get(id) ?? null, timeMs);
    }
    this.#changed.clear();
    for (const { labels, values } of this.#objects.values()) {
      for (let i = 0; i < labels.length; i++) {
        this.#builder.addSeries(labels[i]!);
        this.#builder.addSample(timeMs, values[i]!);
      }
    }
    return this.#builder.take();
  }

  /** Ends every series that was told, as when somebody else speaks for these objects from here on. */
  end(nowMs: number): SampleBatch {
    for (const id of this.#objects.keys()) this.#forget(id);
    return this.takeChanges(nowMs);
  }

  #forget(id: string): void {
    const before = this.#objects.get(id);
    if (before === undefined) return;
    this.#remember(id);
    this.#series -= before.labels.length;
    this.#objects.delete(id);
  }

  #remember(id: string): void {
    if (!this.#changed.has(id)) this.#changed.set(id, this.#objects.get(id) ?? null);
  }

  #addDifference(before: ObjectSeries | null, now: ObjectSeries | null, timeMs: number): void {
    if (now !== null) {
      const old = before === null ? null : new SeriesPlaces(before);
      for (let i = 0; i < now.labels.length; i++) {
        const labels: Labels = now.labels[i]!;
        const place = old?.find(labels, i) ?? -1;
        if (place >= 0 && before!.values[place] === now.values[i]) continue;
        this.#builder.addSeries(labels);
        this.#builder.addSample(timeMs, now.values[i]!);
      }
    }
    if (before !== null) this.#addEnded(before, now, timeMs);
  }

  #addEnded(before: ObjectSeries, now: ObjectSeries | null, timeMs: number): void {
    const kept = now === null ? null : new SeriesPlaces(now);
    for (const [i, labels] of before.labels.entries()) {
      if (kept !== null && kept.find(labels, i) >= 0) continue;
      this.#builder.addSeries(labels);
      this.#builder.addSampleFrom(timeMs, STALE_MARKER, 0);
    }
  }

  /** Later than the batch before, so that a second change within a millisecond is a second sample. */
  #time(nowMs: number): number {
    const isBridged = nowMs <= this.#lastMs && this.#lastMs - nowMs < MAX_BRIDGED_MS;
    this.#lastMs = isBridged ? this.#lastMs + 1 : nowMs;
    return this.#lastMs;
  }
}

/**
 * Where an object has its series. Most are where they were before the change; the others are looked up by a text that is not
 * kept, as a label set keeps its key: an object that has changed once would take more than twice the memory for good.
 */
class SeriesPlaces {
  readonly #series: ObjectSeries;
  #byText: Map<string, number> | null = null;

  constructor(series: ObjectSeries) {
    this.#series = series;
  }

  /** @returns the place, -1 where there is no such series */
  find(labels: Labels, likelyPlace: number): number {
    if (this.#series.labels[likelyPlace]?.equals(labels) === true) return likelyPlace;
    this.#byText ??= new Map(this.#series.labels.map((one, i) => [seriesText(one), i]));
    return this.#byText.get(seriesText(labels)) ?? -1;
  }
}
