/** What an engine is doing to its disk, as far as a fault test tells it apart. */
export const FAULT_PHASES = [
  'start',
  'ingestion',
  'checkpoint',
  'sealing',
  'compaction',
  'retention',
] as const;
export type FaultPhase = (typeof FAULT_PHASES)[number];

/** Where a process ends itself by SIGKILL: before or after one of a phase's changes of the disk. */
interface DeathPoint {
  readonly phase: FaultPhase;
  /** The first change is 1. */
  readonly step: number;
  readonly isAfter: boolean;
}

/** What goes wrong under a built engine. `FAULTS` in its environment sets it at the start, messages change it. */
export interface EngineFaults {
  /** Added to the time of day. */
  readonly clockOffsetMs: number;
  /** Intervals of so many milliseconds become shorter or longer: `{ 60000: 200 }`. */
  readonly intervalsMs: Readonly<Record<number, number>>;
  /** Sync reports success and does nothing: a disk that lies. */
  readonly ignoresSync: boolean;
  /** Sync fails, and the disk forgets what was written since the last one, as Linux does. */
  readonly failsSync: boolean;
  /** Writes and syncs that fail report success. */
  readonly hidesFailures: boolean;
  /** Writes are made by the thread that answers requests. */
  readonly writesInMainThread: boolean;
  /** Reading a piece of the log takes so much longer. */
  readonly slowReadMs: number;
  /** Blocks report that they are written and are not there: the protection that sealing and compaction rest on. */
  readonly losesBlocks: boolean;
  /** Retention believes that it is so much later than it is. */
  readonly retentionAheadMs: number;
  readonly deathPoint: DeathPoint | null;
  /** Over the store's own. */
  readonly blockMs: number | null;
  readonly graceMs: number | null;
  readonly segmentBytes: number | null;
  /** Lines move to a block when so much of them is in the log, and three such blocks are joined. */
  readonly lineBlockBytes: number | null;
}

export const NO_FAULTS: EngineFaults = {
  clockOffsetMs: 0,
  intervalsMs: {},
  ignoresSync: false,
  failsSync: false,
  hidesFailures: false,
  writesInMainThread: false,
  slowReadMs: 0,
  losesBlocks: false,
  retentionAheadMs: 0,
  deathPoint: null,
  blockMs: null,
  graceMs: null,
  segmentBytes: null,
  lineBlockBytes: null,
};
