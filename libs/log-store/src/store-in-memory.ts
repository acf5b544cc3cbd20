import { MemoryBlockFiles } from '#libs/block-files';
import { Labels } from '#libs/labels';
import { NO_PAUSES } from '#libs/pace';
import { MemorySegmentStore, type Timer } from '#libs/record-log';
import type { PlainLine } from './line-batch.ts';
import { LogStore } from './log-store.ts';
import type { LogStoreOptions } from './log-store-options.ts';
import type { LogReadRequest } from './log-source.ts';

const NOW_MS = 1_700_000_000_000;
/** More than the log gathers for. */
const SOON_MS = 10;
export const NOW_NS = BigInt(NOW_MS) * 1_000_000n;
export const SECOND = 1_000_000_000n;
export const EVERYTHING = { startNs: 0n, endNs: 2n ** 63n - 1n };

/** A clock that is set by hand. Alarms within {@link SOON_MS} ring at once, later ones when it has been set so far. */
class HandTimer implements Timer {
  #nowMs = NOW_MS;
  #alarms: { readonly atMs: number; readonly run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const alarm = { atMs: this.#nowMs + delayMs, run };
    this.#alarms.push(alarm);
    if (delayMs <= SOON_MS) void Promise.resolve().then(() => this.#ring(alarm.atMs));
    return () => {
      this.#alarms = this.#alarms.filter((other) => other !== alarm);
    };
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#ring(this.#nowMs);
  }

  #ring(untilMs: number): void {
    const due = this.#alarms.filter(({ atMs }) => atMs <= untilMs);
    this.#alarms = this.#alarms.filter(({ atMs }) => atMs > untilMs);
    for (const { run } of due) run();
  }
}

interface Opened {
  readonly store: LogStore;
  readonly segments: MemorySegmentStore;
  readonly blocks: MemoryBlockFiles;
  readonly timer: HandTimer;
}

export async function openStore(
  options: Partial<LogStoreOptions> = {},
  segments = new MemorySegmentStore(),
  blocks = new MemoryBlockFiles(),
  timer = new HandTimer(),
): Promise<Opened> {
  const store = new LogStore(segments, blocks, timer, NO_PAUSES, options);
  await store.open();
  return { store, segments, blocks, timer };
}

export const WEB = Labels.fromRecord({ app: 'web' });
export const DB = Labels.fromRecord({ app: 'db', level: 'error' });

export function line(seconds: number, text: string, metadata?: Record<string, string>): PlainLine {
  const timeNs = NOW_NS + BigInt(Math.round(seconds * 1e9));
  if (metadata === undefined) return { timeNs, line: text };
  return { timeNs, line: text, metadata: new Map(Object.entries(metadata)) };
}

export async function texts(
  store: LogStore,
  request: Partial<LogReadRequest> = {},
): Promise<string[]> {
  const found: string[] = [];
  const whole: LogReadRequest = { matchers: [], ...EVERYTHING, direction: 'forward', ...request };
  for await (const batch of store.read(whole)) {
    for (let i = 0; i < batch.count; i++) {
      found.push(batch.bytes.toString('utf8', batch.starts[i], batch.ends[i]));
    }
  }
  return found;
}
