import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LOG_LEVELS, LOG_STREAMS, type LogSource, type RecordBatch } from '#libs/log-pipeline';
import { Registry, Counter, Gauge } from 'prom-client';
import type { LogChunk } from './log-chunk.ts';
import { entriesOf, type LogEntry } from './log-entries.ts';
import type { LiveFilter } from './live-filter.ts';

const MAX_LISTENERS = 16;
/** What waits for a listener that is slow. */
const MAX_WAITING = 2_000;
const MAX_WAITING_BYTES = 2 * 1024 * 1024;
/** Of a longer message the beginning is shown. */
const MAX_SHOWN_BYTES = 16 * 1024;
/** How much of each second may go into looking for what listeners want; what comes beyond it is left out, and counted. */
const WINDOW_MS = 100;
const BUDGET_MS = 10;
/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 256;

/** A record as the live view tells it. */
interface LiveRecord {
  readonly time: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly level: string;
  readonly stream: string;
  readonly message: string;
}

/** Somebody who watches. */
export interface LiveListener {
  /** What has come since the last time, and how many records were left out. Resolves when there is something, or at the end. */
  next(): Promise<{ readonly records: readonly LiveRecord[]; readonly dropped: number } | null>;
  close(): void;
}

/** No more can watch. */
export class TooManyListenersError extends Error {
  override readonly name = 'TooManyListenersError';
}

/**
 * What goes through the collector, for those who watch. Nothing is done while nobody does; otherwise the time for it is
 * bounded, and whoever is slow misses records and is told how many.
 */
@Injectable()
export class LiveView implements OnModuleDestroy {
  readonly #listeners = new Set<Listener>();
  readonly #dropped: Counter;
  readonly #gauge: Gauge;
  #windowStartMs = 0;
  #spentMs = 0;
  #isClosed = false;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#gauge = new Gauge({
      name: 'binnacle_log_live_listeners',
      help: 'Who watches logs live.',
      registers,
    });
    this.#dropped = new Counter({
      name: 'binnacle_log_live_dropped_total',
      help: 'Records that somebody who watches was not shown, by reason.',
      labelNames: ['reason'],
      registers,
    });
  }

  /** Whether anything needs to be offered. */
  get isWatched(): boolean {
    return this.#listeners.size > 0;
  }

  /** @throws TooManyListenersError */
  listen(filter: LiveFilter): LiveListener {
    if (this.#isClosed || this.#listeners.size >= MAX_LISTENERS) {
      throw new TooManyListenersError(`at most ${MAX_LISTENERS} may watch at a time`);
    }
    const listener = new Listener(
      filter,
      (count) => this.#dropped.inc({ reason: 'slow' }, count),
      () => {
        this.#listeners.delete(listener);
        this.#gauge.set(this.#listeners.size);
      },
    );
    this.#listeners.add(listener);
    this.#gauge.set(this.#listeners.size);
    return listener;
  }

  /** Records of a file. */
  offer({ identity }: LogSource, records: RecordBatch): void {
    if (!this.isWatched) return;
    for (const listener of this.#listeners) {
      if (!listener.filter.wantsSource(identity)) continue;
      this.#within(listener, records.count, (row) => {
        if (!listener.filter.wantsLevel(records.levels[row]!)) return;
        const [start, end] = [records.starts[row]!, records.ends[row]!];
        const bytes = records.bytesOf(row);
        if (!listener.filter.wantsMessage(bytes, start, end)) return;
        listener.add({
          time: timeText(records.timeSeconds[row]!, records.timeNanos[row]!),
          namespace: identity.namespace,
          pod: identity.pod,
          container: identity.container,
          level: LOG_LEVELS[records.levels[row]!]!,
          stream: LOG_STREAMS[records.streams[row]!]!,
          message: bytes.toString('utf8', start, Math.min(end, start + MAX_SHOWN_BYTES)),
        });
      });
    }
  }

  /** Records that came by an input. */
  offerChunk(chunk: LogChunk): void {
    if (!this.isWatched || !this.#hasTime()) {
      if (this.isWatched) this.#leaveOut(this.#listeners, chunk.count);
      return;
    }
    const sinceMs = performance.now();
    const entries = entriesOf(chunk);
    this.#spentMs += performance.now() - sinceMs;
    for (const listener of this.#listeners) {
      this.#within(listener, entries.length, (row) => {
        const record = liveRecordOf(entries[row]!);
        if (!listener.filter.wantsSource(record)) return;
        if (!listener.filter.wantsLevel(LOG_LEVELS.findIndex((name) => name === record.level)))
          return;
        const message = Buffer.from(record.message);
        if (!listener.filter.wantsMessage(message, 0, message.length)) return;
        listener.add({ ...record, message: record.message.slice(0, MAX_SHOWN_BYTES) });
      });
    }
  }

  onModuleDestroy(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) listener.close();
  }

  /** Looks at rows for as long as there is time for it. */
  #within(listener: Listener, count: number, look: (row: number) => void): void {
    for (let from = 0; from < count; from += ROWS_PER_LOOK) {
      if (!this.#hasTime()) {
        this.#leaveOut([listener], count - from);
        return;
      }
      const sinceMs = performance.now();
      const to = Math.min(count, from + ROWS_PER_LOOK);
      for (let row = from; row < to; row++) look(row);
      this.#spentMs += performance.now() - sinceMs;
    }
  }

  #hasTime(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#spentMs = 0;
    }
    return this.#spentMs < BUDGET_MS;
  }

  /** Records that were not looked at may or may not have been wanted. */
  #leaveOut(listeners: Iterable<Listener>, count: number): void {
    for (const listener of listeners) listener.leaveOut(count);
    this.#dropped.inc({ reason: 'busy' }, count);
  }
}

class Listener implements LiveListener {
  readonly filter: LiveFilter;
  readonly #missed: (count: number) => void;
  readonly #closed: () => void;
  #records: LiveRecord[] = [];
  #bytes = 0;
  #dropped = 0;
  #isClosed = false;
  #wake: (() => void) | null = null;

  constructor(filter: LiveFilter, missed: (count: number) => void, closed: () => void) {
    this.filter = filter;
    this.#missed = missed;
    this.#closed = closed;
  }

  add(record: LiveRecord): void {
    const size = record.message.length;
    if (this.#records.length >= MAX_WAITING || this.#bytes + size > MAX_WAITING_BYTES) {
      this.#dropped++;
      this.#missed(1);
      return;
    }
    this.#records.push(record);
    this.#bytes += size;
    this.#wake?.();
  }

  leaveOut(count: number): void {
    this.#dropped += count;
    this.#wake?.();
  }

  async next(): Promise<{ records: readonly LiveRecord[]; dropped: number } | null> {
    if (this.#records.length === 0 && this.#dropped === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    const records = this.#records;
    const dropped = this.#dropped;
    if (records.length === 0 && dropped === 0) return null;
    this.#records = [];
    this.#bytes = 0;
    this.#dropped = 0;
    return { records, dropped };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed();
    this.#wake?.();
  }
}

function liveRecordOf({ seconds, nanos, message, record }: LogEntry): LiveRecord {
  const text = (name: string): string => {
    const value = record[name];
    return typeof value === 'string' ? value : '';
  };
  return {
    time: timeText(seconds, nanos),
    namespace: text('namespace'),
    pod: text('pod'),
    container: text('container'),
    level: text('level'),
    stream: text('stream'),
    message,
  };
}

/** RFC 3339 with milliseconds; the present where nobody told a time. */
function timeText(seconds: number, nanos: number): string {
  const ms = Number.isNaN(seconds) ? Date.now() : seconds * 1_000 + nanos / 1e6;
  return new Date(Math.min(Math.max(ms, 0), 8.64e15)).toISOString();
}
