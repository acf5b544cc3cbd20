import { Labels, type Matcher } from '#libs/labels';
import type { EngineLogs } from '../store/engine-logs.ts';
import type { LokiParameters, TimeRange } from './loki-parameters.ts';

/** Groups that an answer may have. */
export const MAX_VOLUMES = 5_000;

/** Streams that are counted together, and their bytes. */
interface VolumeGroup {
  readonly labels: Labels;
  bytes: number;
}

/** Bytes of a group by steps: seconds and bytes as text, where there are any. */
interface SteppedVolume {
  readonly labels: Labels;
  readonly values: readonly (readonly [number, string])[];
}

/**
 * How many bytes groups of streams have in a range, told by where chunks begin and end: a chunk counts by the share of its
 * time. Groups are by the values of `targetLabels`, or of the labels that the query names, or with `aggregateBy=labels` by
 * the names alone.
 */
export class LogVolumes {
  readonly #logs: EngineLogs;
  readonly #matchers: readonly Matcher[];
  readonly #range: TimeRange;
  readonly #targets: ReadonlySet<string>;
  readonly #isByName: boolean;
  readonly #limit: number;
  /** Of a stream, the groups it belongs to. */
  readonly #groupsOf = new Map<number, readonly VolumeGroup[]>();
  readonly #groups = new Map<string, VolumeGroup>();

  /** @throws LokiApiError */
  constructor(logs: EngineLogs, parameters: LokiParameters, range: TimeRange) {
    this.#logs = logs;
    this.#matchers = parameters.selector('query');
    this.#range = range;
    const targets = parameters.get('targetLabels').split(',');
    this.#targets = new Set(targets.filter((name) => name !== ''));
    this.#isByName = parameters.get('aggregateBy') === 'labels';
    this.#limit = parameters.count('limit', 100, MAX_VOLUMES);
  }

  /** The largest groups, the largest first. */
  largest(): readonly VolumeGroup[] {
    const [startNs, endNs] = [Number(this.#range.startNs), Number(this.#range.endNs)];
    this.#eachChunk((groups, fromNs, toNs, bytes) => {
      const share = shareOf(fromNs, toNs, startNs, endNs);
      for (const group of groups) group.bytes += bytes * share;
    });
    for (const group of this.#groups.values()) group.bytes = Math.round(group.bytes);
    return [...this.#groups.values()]
      .toSorted((a, b) => b.bytes - a.bytes || (a.labels.key < b.labels.key ? -1 : 1))
      .slice(0, this.#limit);
  }

  /** These by steps, each with the time it begins at. */
  largestBySteps(stepNs: bigint): readonly SteppedVolume[] {
    const { startNs, endNs } = this.#range;
    const [start, step] = [Number(startNs), Number(stepNs)];
    const count = Number((endNs - startNs + stepNs - 1n) / stepNs);
    const largest = this.largest();
    const columns = new Map(largest.map((group) => [group, new Float64Array(count)]));
    this.#eachChunk((groups, fromNs, toNs, bytes) => {
      const first = Math.max(0, Math.floor((fromNs - start) / step));
      const last = Math.min(count - 1, Math.floor((toNs - start) / step));
      for (let i = first; i <= last; i++) {
        const from = start + i * step;
        const share = shareOf(fromNs, toNs, from, Math.min(from + step, Number(endNs)));
        for (const group of groups) {
          const column = columns.get(group);
          if (column !== undefined) column[i] = column[i]! + bytes * share;
        }
      }
    });
    return largest.map((group) => {
      const values: [number, string][] = [];
      for (const [i, bytes] of columns.get(group)!.entries()) {
        const timeNs = startNs + BigInt(i) * stepNs;
        if (bytes > 0) values.push([Number(timeNs / 1_000_000_000n), String(Math.round(bytes))]);
      }
      return { labels: group.labels, values };
    });
  }

  #eachChunk(
    visit: (groups: readonly VolumeGroup[], fromNs: number, toNs: number, bytes: number) => void,
  ): void {
    const { startNs, endNs } = this.#range;
    this.#logs.eachChunk(this.#matchers, startNs, endNs, ({ id, labels }, fromNs, toNs, bytes) => {
      let groups = this.#groupsOf.get(id);
      if (groups === undefined) this.#groupsOf.set(id, (groups = this.#groupsFor(labels)));
      visit(groups, fromNs, toNs, bytes);
    });
  }

  #groupsFor(labels: Labels): readonly VolumeGroup[] {
    const targets = this.#targets;
    if (this.#isByName) {
      return Array.from(labels, ([name]) => name)
        .filter((name) => targets.size === 0 || targets.has(name))
        .map((name) => this.#groupOf(Labels.fromRecord({ [name]: name })));
    }
    const names = targets.size > 0 ? targets : new Set(this.#matchers.map(({ name }) => name));
    return [this.#groupOf(names.size === 0 ? labels : labels.only(names))];
  }

  #groupOf(labels: Labels): VolumeGroup {
    let group = this.#groups.get(labels.key);
    if (group === undefined) this.#groups.set(labels.key, (group = { labels, bytes: 0 }));
    return group;
  }
}

/** How much of the time of a chunk lies between two times: from 0 to 1. */
function shareOf(fromNs: number, toNs: number, startNs: number, endNs: number): number {
  if (toNs <= fromNs) return 1;
  const overlap = Math.min(toNs, endNs) - Math.max(fromNs, startNs);
  return Math.max(0, Math.min(1, overlap / (toNs - fromNs)));
}
