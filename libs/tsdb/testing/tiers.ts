import type { MemoryBlockFiles } from '#libs/block-files';
import { NO_PAUSES, type Pace } from '#libs/pace';
import type { MemorySegmentStore } from '#libs/record-log';
import {
  BlockArchive,
  type BlockArchiveOptions,
  TieredStore,
  TimeSeriesStore,
} from '../src/index.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** Midnight of a day. */
export const START = 1_700_000_000_000 - (1_700_000_000_000 % DAY);

/** A clock that stands still at {@link START} until it is set, and whose timers do not wait. */
export class Clock {
  ms = START;
  nowMs(): number {
    return this.ms;
  }
  after(_delayMs: number, run: () => void): () => void {
    const handle = setImmediate(run);
    return () => clearImmediate(handle);
  }
}

/** A store with both its tiers. */
export interface Tiers {
  readonly store: TieredStore;
  readonly recent: TimeSeriesStore;
  readonly archive: BlockArchive;
}

/** Where a store differs from one that writes at once and takes samples up to two hours late. */
export interface TierOptions {
  readonly recent?: ConstructorParameters<typeof TimeSeriesStore>[2];
  readonly archive?: Partial<BlockArchiveOptions>;
  readonly tiered?: ConstructorParameters<typeof TieredStore>[5];
  readonly pace?: Pace;
}

/** Opens a store on disks in memory. */
export async function openTiers(
  clock: Clock,
  segments: MemorySegmentStore,
  files: MemoryBlockFiles,
  { recent: recentOptions, archive: archiveOptions, tiered, pace = NO_PAUSES }: TierOptions = {},
): Promise<Tiers> {
  const recent = new TimeSeriesStore(segments, clock, {
    outOfOrderWindowMs: 2 * HOUR,
    groupDelayMs: 0,
    ...recentOptions,
  });
  const archive = new BlockArchive(files, NO_PAUSES, archiveOptions);
  const store = new TieredStore(recent, archive, files, clock, pace, tiered);
  await store.open();
  return { store, recent, archive };
}
