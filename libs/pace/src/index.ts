export { NO_PAUSES, type Pace } from './pace.ts';
export { sortInTurns } from './sort-in-turns.ts';
