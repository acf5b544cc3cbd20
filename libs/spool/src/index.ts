export { MemorySpoolFiles, SimulatedCrash } from './memory-spool-files.ts';
export {
  Spool,
  type SpoolCounters,
  type SpoolFullPolicy,
  type SpoolItem,
  type SpoolOptions,
  type SpoolRead,
} from './spool.ts';
export type { SetAsideSegment, SpoolFiles, SpoolSegmentFile } from './spool-files.ts';
