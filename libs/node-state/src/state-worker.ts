/*
 * The thread that owns the database. SQLite works synchronously: on a disk that hangs it would stop the whole process, the
 * answer to the health probe included, so it works here. Everything that has gathered while one transaction was being
 * written goes into the next one.
 */
import { existsSync, renameSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { StateReply, StateRequest, StateWorkerData } from './state-messages.ts';

const SCHEMA_VERSION = 1;
/** Codes of SQLite for a file that is damaged or is no database. */
const CORRUPT_CODES: ReadonlySet<number> = new Set([11, 26]);

const port = parentPort!;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a thread is started with has no type
const { path } = workerData as StateWorkerData;

const reply = (message: StateReply): void => port.postMessage(message);

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isCorrupt(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  // Extended codes carry the primary one in their lowest byte.
  return CORRUPT_CODES.has(Number(error.errcode) & 0xff);
}

class CorruptError extends Error {}

function openDatabase(): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA busy_timeout = 5000');
    database.exec('PRAGMA journal_mode = WAL');
    // NORMAL loses committed transactions in a power cut; FULL does not, for half a millisecond a commit.
    database.exec('PRAGMA synchronous = FULL');
    const version = Number(database.prepare('PRAGMA user_version').get()!['user_version']);
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `${path} was written by a newer version (schema ${version}; this one knows ${SCHEMA_VERSION})`,
      );
    }
    const verdict = Object.values(database.prepare('PRAGMA quick_check(1)').get()!)[0];
    if (verdict !== 'ok') throw new CorruptError(String(verdict));
    database.exec(
      'CREATE TABLE IF NOT EXISTS state (area TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, ' +
        'PRIMARY KEY (area, key)) STRICT, WITHOUT ROWID',
    );
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Renames the damaged database and what belongs to it. @returns its new name */
function setAside(): string {
  let aside = `${path}.corrupt`;
  for (let number = 1; existsSync(aside); number++) aside = `${path}.${number}.corrupt`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

const asides: string[] = [];

function open(): DatabaseSync {
  try {
    return openDatabase();
  } catch (error) {
    if (!(error instanceof CorruptError) && !isCorrupt(error)) throw error;
    asides.push(setAside());
    return openDatabase();
  }
}

function serve(database: DatabaseSync): void {
  const upsert = database.prepare(
    'INSERT INTO state (area, key, value) VALUES (?, ?, ?) ' +
      'ON CONFLICT (area, key) DO UPDATE SET value = excluded.value',
  );
  const remove = database.prepare('DELETE FROM state WHERE area = ? AND key = ?');
  const selectAreas = database.prepare('SELECT DISTINCT area FROM state ORDER BY area');
  const select = database.prepare('SELECT key, value FROM state WHERE area = ?');
  const queue: Extract<StateRequest, { kind: 'apply' }>[] = [];

  const write = (): void => {
    const group = queue.splice(0);
    if (group.length === 0) return;
    try {
      database.exec('BEGIN IMMEDIATE');
      for (const { changes } of group) {
        for (const { area, key, value } of changes) {
          if (value === null) remove.run(area, key);
          else upsert.run(area, key, value);
        }
      }
      database.exec('COMMIT');
      for (const { id } of group) reply({ id, kind: 'done' });
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      for (const { id } of group) reply({ id, kind: 'failed', reason: describe(error) });
    }
  };
  const load = (id: number, area: string): void => {
    // What was asked for before must be seen.
    write();
    try {
      const rows = select.all(area);
      const entries = rows.map(({ key, value }): [string, string] => [String(key), String(value)]);
      reply({ id, kind: 'loaded', entries });
    } catch (error) {
      reply({ id, kind: 'failed', reason: describe(error) });
    }
  };
  const list = (id: number): void => {
    write();
    try {
      const areas = selectAreas.all().map(({ area }) => String(area));
      reply({ id, kind: 'listed', areas });
    } catch (error) {
      reply({ id, kind: 'failed', reason: describe(error) });
    }
  };
  port.on('message', (request: StateRequest) => {
    if (request.kind === 'apply') {
      queue.push(request);
      // Not before all messages that have arrived are in the queue.
      if (queue.length === 1) setImmediate(write);
    } else if (request.kind === 'load') {
      load(request.id, request.area);
    } else if (request.kind === 'areas') {
      list(request.id);
    } else {
      write();
      database.close();
      reply({ id: request.id, kind: 'done' });
      port.close();
    }
  });
}

try {
  const database = open();
  reply({ id: 0, kind: 'opened', setAside: asides });
  serve(database);
} catch (error) {
  reply({ id: 0, kind: 'failed', reason: describe(error) });
}
