export { MemoryStateStore } from './memory-state-store.ts';
export { SqliteStateStore } from './sqlite-state-store.ts';
export { type StateChange, type StateStore, StateStoreError } from './state-store.ts';
