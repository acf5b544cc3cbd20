export { MemoryStateStore } from './memory-state-store.ts';
export {
  type PostgresConfig,
  postgresConfigSchema,
  type StateConfig,
  stateConfigSchema,
} from './postgres/postgres-config.ts';
export {
  PostgresStateStore,
  type PostgresStateStoreOptions,
  type PostgresStateStatus,
} from './postgres/postgres-state-store.ts';
export { readPostgresTarget } from './postgres/postgres-target.ts';
export { parsePostgresUrl } from './postgres/postgres-url.ts';
export { SqliteStateStore } from './sqlite-state-store.ts';
export { copyState, NotEmptyError } from './copy-state.ts';
export {
  type StateArchive,
  type StateChange,
  type StateStore,
  StateStoreError,
} from './state-store.ts';
