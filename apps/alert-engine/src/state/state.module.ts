import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Global, Module } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import {
  parsePostgresUrl,
  type PostgresConfig,
  SqliteStateStore,
  type StateStore,
  StateStoreError,
} from '#libs/node-state';
import {
  AppLogger,
  configFolder,
  DataDirectory,
  DataDirectoryModule,
  HealthState,
  PlainError,
  ReloadService,
  RUN_OPTIONS,
  type RunOptions,
  StopRequests,
} from '#libs/platform';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { engineIdOf } from './engine-id.ts';
import { PostgresState } from './postgres-state.ts';
import { STATE_STORE } from './state-store.ts';

const STATE_DB = 'state.db';

/** Alert states, silences and the notification log: in `state.db` under the data directory, or in a PostgreSQL. */
@Global()
@Module({
  imports: [DataDirectoryModule],
  providers: [
    {
      provide: STATE_STORE,
      inject: [
        ENGINE_CONFIG,
        RUN_OPTIONS,
        DataDirectory,
        Registry,
        HealthState,
        AppLogger,
        StopRequests,
        ReloadService,
      ],
      useFactory: openState,
    },
  ],
  exports: [STATE_STORE],
})
export class StateModule {}

async function openState(
  { state: { postgres } }: EngineConfig,
  options: RunOptions,
  directory: DataDirectory,
  registry: Registry,
  health: HealthState,
  logger: AppLogger,
  stop: StopRequests,
  reloads: ReloadService<EngineConfig>,
): Promise<StateStore> {
  let state: PostgresState | null = null;
  reloads.register({
    name: 'state',
    prepare: async ({ state: { postgres: next } }) => {
      if (!isSamePlace(postgres, next)) {
        throw new PlainError('state: a change of where the state lies takes a restart.');
      }
      return () => {
        if (next !== undefined) state?.reconfigure(next);
      };
    },
  });
  if (postgres === undefined) return openSqlite(directory, registry, logger);
  state = new PostgresState({
    config: postgres,
    baseDir: configFolder(options),
    engineId: await engineIdOf(directory.path),
    formerPath: join(directory.path, STATE_DB),
    registry,
    health,
    logger,
    stop,
  });
  directory.beforeRelease(() => state.close());
  return state;
}

/** Passwords may change while an engine runs, and so may files that are read anew for every connection. */
function isSamePlace(a: PostgresConfig | undefined, b: PostgresConfig | undefined): boolean {
  return isDeepStrictEqual(
    a === undefined ? null : placeOf(a),
    b === undefined ? null : placeOf(b),
  );
}

function placeOf({ place, tls: _tls, ...rest }: PostgresConfig): unknown {
  if (place.kind === 'parts') return { ...rest, ...place, password: null };
  if (place.url.kind === 'file') return { ...rest, path: place.url.path };
  const { host, port, database, user } = parsePostgresUrl(place.url.secret.reveal());
  return { ...rest, host, port, database, user };
}

async function openSqlite(
  directory: DataDirectory,
  registry: Registry,
  logger: AppLogger,
): Promise<SqliteStateStore> {
  let store: SqliteStateStore;
  try {
    store = await SqliteStateStore.open(join(directory.path, STATE_DB));
  } catch (error) {
    await directory.onApplicationShutdown();
    if (error instanceof StateStoreError)
      throw new PlainError(`${error.message}.`, { cause: error });
    throw error;
  }
  directory.beforeRelease(() => store.close());
  new Gauge({
    name: 'binnacle_state_databases_set_aside',
    help: 'Damaged state databases that were set aside at the start.',
    registers: [registry],
  }).set(store.setAside.length);
  if (store.setAside.length > 0) {
    logger.error('the state database was damaged; it is kept aside and a fresh one is in use', {
      setAside: store.setAside,
    });
  }
  return store;
}
