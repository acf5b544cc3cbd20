import { LOG_LEVELS, type LogLevel } from './log-level.ts';
import { LOG_STREAMS, type LogStream, type RecordBatch } from './record-batch.ts';

/** How many messages of a level and stream there were, and how many bytes they had. */
export interface LevelCount {
  readonly level: LogLevel;
  readonly stream: LogStream;
  readonly lines: number;
  readonly bytes: number;
}

const CELLS = LOG_LEVELS.length * LOG_STREAMS.length;

/** Messages by level and stream. */
export class LevelCounts {
  readonly #lines = new Float64Array(CELLS);
  readonly #bytes = new Float64Array(CELLS);

  /** Adds all records of a batch. */
  add(records: RecordBatch): void {
    const { streams, levels, starts, ends, count } = records;
    for (let i = 0; i < count; i++) {
      const at = streams[i]! * LOG_LEVELS.length + levels[i]!;
      this.#lines[at]! += 1;
      this.#bytes[at]! += ends[i]! - starts[i]!;
    }
  }

  /** What there was so far; only what occurred. */
  list(): LevelCount[] {
    const counts: LevelCount[] = [];
    for (const [streamId, stream] of LOG_STREAMS.entries()) {
      for (const [levelId, level] of LOG_LEVELS.entries()) {
        const at = streamId * LOG_LEVELS.length + levelId;
        const lines = this.#lines[at]!;
        if (lines > 0) counts.push({ level, stream, lines, bytes: this.#bytes[at]! });
      }
    }
    return counts;
  }
}
