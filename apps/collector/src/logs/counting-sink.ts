import { type LogSource, type RecordBatch, SourceCounts } from '#libs/log-pipeline';
import type { LiveView } from './live-view.ts';
import type { LogMeters } from './log-meters.ts';
import type { RecordSink } from './log-lane.ts';
import type { LogFileGroup } from './logs-config.ts';

/** Counts records by container, level and stream, shows them to whoever watches, and is done with them. */
export class CountingSink implements RecordSink {
  readonly wantsAll = true;
  readonly groups = new Map<
    string,
    { readonly group: LogFileGroup; readonly counts: SourceCounts }
  >();

  readonly #meters: LogMeters;
  readonly #live: LiveView;

  constructor(groups: readonly LogFileGroup[], meters: LogMeters, live: LiveView) {
    this.#meters = meters;
    this.#live = live;
    for (const group of groups) this.groups.set(group.name, { group, counts: new SourceCounts() });
  }

  accept(
    group: LogFileGroup,
    source: LogSource,
    records: RecordBatch,
    delivered: () => void,
  ): void {
    this.groups.get(group.name)!.counts.add(source, records, Date.now());
    this.#meters.add(group.name, source, records);
    delivered();
  }

  shipped(source: LogSource, records: RecordBatch): void {
    if (this.#live.isWatched) this.#live.offer(source, records);
  }

  close(group: LogFileGroup, source: LogSource): void {
    this.groups.get(group.name)!.counts.close(source, Date.now());
  }
}
