export { MemorySpoolFiles, SimulatedCrash } from './memory-spool-files.ts';
export { type BudgetMember, SpoolBudget } from './spool-budget.ts';
export {
  Spool,
  SPOOL_DROP_REASONS,
  SpoolScarceError,
  type SpoolCounters,
  type SpoolDropReason,
  type SpoolFullPolicy,
  type SpoolOptions,
  type SpoolRead,
  type SpoolShare,
  type SpoolThinning,
} from './spool.ts';
export type { SetAsideSegment, SpoolFiles, SpoolSegmentFile } from './spool-files.ts';
export type { SpoolItem } from './spool-item.ts';
