import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DataDirectoryError, lockDirectory } from '#libs/node-files';
import {
  copyState,
  NotEmptyError,
  PostgresStateStore,
  type PostgresStateStatus,
  SqliteStateStore,
  type StateArchive,
  StateStoreError,
  stateConfigSchema,
} from '#libs/node-state';
import { PlainError, readConfigFiles } from '#libs/platform';
import { ConfigTextError } from '#libs/yaml-config';
import { z } from 'zod';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';

const USAGE =
  '--from PLACE --to PLACE [--overwrite]; a PLACE is a data directory or a configuration';
/** The rest of a configuration is the engine's business. */
const stateOfConfig = z.looseObject({ state: stateConfigSchema.prefault({}) });

interface Place {
  readonly store: StateArchive;
  close(): Promise<void>;
}

/** `binnacle state copy`: moves what no restart may forget between `state.db` and a PostgreSQL. */
export const stateCopyCommand: Command = {
  name: 'state copy',
  usage: USAGE,
  summary:
    "copy a stopped engine's alert states, silences and notification log between state.db and PostgreSQL",
  async run(args, io) {
    const { from, to, overwrites } = parseArguments(args);
    const opened: Place[] = [];
    try {
      const source = await openPlace(from, io, { mustExist: true });
      opened.push(source);
      const target = await openPlace(to, io, { mustExist: false });
      opened.push(target);
      const counts = await copyState(source.store, target.store, { overwrites });
      for (const [area, count] of counts) io.out(`${area}: ${count}\n`);
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
      io.out(`copied ${total} keys from ${from} to ${to}\n`);
      return 0;
    } catch (error) {
      return complain(error, to, io);
    } finally {
      for (const place of opened.toReversed()) await place.close();
    }
  },
};

function complain(error: unknown, to: string, io: CommandIo): ExitCode {
  if (error instanceof NotEmptyError) {
    io.err(`binnacle: ${to} is not empty: ${error.message}; --overwrite replaces what it holds.\n`);
    return 1;
  }
  const isExpected =
    error instanceof StateStoreError ||
    error instanceof DataDirectoryError ||
    error instanceof PlainError ||
    error instanceof ConfigTextError;
  if (!isExpected) throw error;
  io.err(`binnacle: ${error.message}\n`);
  return 1;
}

function parseArguments(args: readonly string[]): {
  from: string;
  to: string;
  overwrites: boolean;
} {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        overwrite: { type: 'boolean', default: false },
      },
    });
    const { from, to, overwrite } = values;
    if (from === undefined || to === undefined)
      throw new CommandUsageError('needs --from and --to');
    if (from === to) throw new CommandUsageError('--from and --to name the same place');
    return { from, to, overwrites: overwrite };
  } catch (error) {
    if (error instanceof CommandUsageError) throw error;
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
}

async function openPlace(
  name: string,
  io: CommandIo,
  options: { readonly mustExist: boolean },
): Promise<Place> {
  const path = resolve(io.cwd ?? '.', name);
  const found = await stat(path).catch(() => null);
  if (found === null) throw new PlainError(`there is no ${name}.`);
  return found.isDirectory() ? openFolder(path, name, options) : openConfigured(path, name, io);
}

async function openFolder(
  path: string,
  name: string,
  { mustExist }: { readonly mustExist: boolean },
): Promise<Place> {
  const lock = await lockDirectory(path);
  try {
    const file = join(path, 'state.db');
    if (mustExist && (await stat(file).catch(() => null)) === null) {
      throw new PlainError(`${name} has no state.db.`);
    }
    const store = await SqliteStateStore.open(file);
    return {
      store,
      async close() {
        await store.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Waits for the lease no longer than it lasts: an engine that runs keeps it. */
async function openConfigured(path: string, name: string, io: CommandIo): Promise<Place> {
  const named = { configFile: path };
  const { postgres } = (await readConfigFiles(named, stateOfConfig, io.env)).state;
  if (postgres === undefined) throw new PlainError(`${name} has no state.postgres.`);
  const { promise: settled, resolve: settle } = Promise.withResolvers<PostgresStateStatus | null>();
  const store = PostgresStateStore.start({
    config: () => postgres,
    baseDir: dirname(path),
    engineId: null,
    onStatus: (status) => {
      const isProblem = status.kind === 'connecting' && status.problem !== null;
      if (status.kind === 'leading' || isProblem) settle(status);
    },
  });
  const patience = setTimeout(() => settle(null), postgres.leaseMs + postgres.connectTimeoutMs);
  const status = await settled;
  clearTimeout(patience);
  if (status?.kind === 'leading') return { store, close: () => store.close() };
  const last = store.status;
  await store.close();
  if (last.kind === 'standby') {
    throw new PlainError(
      `the engine on ${last.leader} uses the database of ${name}; stop it first.`,
    );
  }
  const problem = last.kind === 'connecting' ? last.problem : null;
  throw new PlainError(
    `the database of ${name} cannot be used: ${problem ?? 'no answer in time'}.`,
  );
}
