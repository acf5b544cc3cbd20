import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { SqliteStateStore, StateStoreError } from '#libs/node-state';
import { AppLogger, PlainError, DataDirectory, DataDirectoryModule } from '#libs/platform';
import { STATE_STORE } from './state-store.ts';

/** Alert states, silences and the notification log, in `state.db` under the data directory. */
@Global()
@Module({
  imports: [DataDirectoryModule],
  providers: [
    {
      provide: STATE_STORE,
      inject: [DataDirectory, Registry, AppLogger],
      useFactory: openState,
    },
  ],
  exports: [STATE_STORE],
})
export class StateModule {}

async function openState(
  directory: DataDirectory,
  registry: Registry,
  logger: AppLogger,
): Promise<SqliteStateStore> {
  let store: SqliteStateStore;
  try {
    store = await SqliteStateStore.open(join(directory.path, 'state.db'));
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
