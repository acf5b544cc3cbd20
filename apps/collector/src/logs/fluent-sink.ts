import { LOG_LEVELS, LOG_STREAMS, type RecordBatch } from '#libs/log-pipeline';
import type { FluentEvent } from '#libs/node-fluent';
import type { FluentOutput } from './fluent-output.ts';
import type { RecordSink } from './log-lane.ts';
import type { LogFileGroup } from './logs-config.ts';

/** Makes Fluentd's records of ours: `message`, `level`, `stream`, `file`, and the group's labels. */
export class FluentSink implements RecordSink {
  readonly #output: FluentOutput;
  readonly #delivered: () => void;

  /** @param delivered called after each batch that arrived */
  constructor(output: FluentOutput, delivered: () => void) {
    this.#output = output;
    this.#delivered = delivered;
  }

  accept(group: LogFileGroup, path: string, records: RecordBatch, delivered: () => void): void {
    this.#output.send(group.name, eventsOf(group, path, records, Date.now()), () => {
      delivered();
      this.#delivered();
    });
  }
}

/** Lines that tell no time get that of being read. */
function eventsOf(
  group: LogFileGroup,
  path: string,
  records: RecordBatch,
  nowMs: number,
): FluentEvent[] {
  const events: FluentEvent[] = [];
  for (let row = 0; row < records.count; row++) {
    const seconds = records.timeSeconds[row]!;
    const hasTime = !Number.isNaN(seconds);
    const stream = LOG_STREAMS[records.streams[row]!]!;
    events.push({
      timeSeconds: hasTime ? seconds : Math.floor(nowMs / 1000),
      timeNanos: hasTime ? records.timeNanos[row]! : Math.floor(nowMs % 1000) * 1_000_000,
      record: {
        ...group.labels,
        message: records.text(row),
        level: LOG_LEVELS[records.levels[row]!]!,
        ...(stream !== '' && { stream }),
        file: path,
      },
    });
  }
  return events;
}
