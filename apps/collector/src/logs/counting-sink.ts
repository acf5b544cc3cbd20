import { type LogSource, type RecordBatch, SourceCounts } from '#libs/log-pipeline';
import type { RecordSink } from './log-lane.ts';
import type { LogFileGroup } from './logs-config.ts';

/** Counts records by container, level and stream, and is done with them. */
export class CountingSink implements RecordSink {
  readonly wantsAll = true;
  readonly groups = new Map<
    string,
    { readonly group: LogFileGroup; readonly counts: SourceCounts }
  >();

  constructor(groups: readonly LogFileGroup[]) {
    for (const group of groups) this.groups.set(group.name, { group, counts: new SourceCounts() });
  }

  accept(
    group: LogFileGroup,
    source: LogSource,
    records: RecordBatch,
    delivered: () => void,
  ): void {
    this.groups.get(group.name)!.counts.add(source, records, Date.now());
    delivered();
  }

  close(group: LogFileGroup, source: LogSource): void {
    this.groups.get(group.name)!.counts.close(source, Date.now());
  }
}
