import { type LogSource, type RecordBatch, SourceCounts } from '#libs/log-pipeline';
import type { LogMeters } from './log-meters.ts';
import type { RecordSink } from './log-lane.ts';
import type { LogFileGroup } from './logs-config.ts';

/** Counts records by container, level and stream, and is done with them. */
export class CountingSink implements RecordSink {
  readonly wantsAll = true;
  readonly groups = new Map<
    string,
    { readonly group: LogFileGroup; readonly counts: SourceCounts }
  >();

  readonly #meters: LogMeters;

  constructor(groups: readonly LogFileGroup[], meters: LogMeters) {
    this.#meters = meters;
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

  close(group: LogFileGroup, source: LogSource): void {
    this.groups.get(group.name)!.counts.close(source, Date.now());
  }
}
