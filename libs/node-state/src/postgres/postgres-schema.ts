import type { PostgresSession } from './postgres-session.ts';

const SCHEMA_VERSION = 1;
const OLDEST_SERVER = 110_000;
/** Held while tables are made, so that two engines that start at once do not both make them. */
const ADVISORY_KEY = '8101110997';

/** What keeps a database from being used, in a sentence. Trying again helps once somebody has done something about it. */
class UnfitDatabaseError extends Error {
  override readonly name = 'UnfitDatabaseError';
}

/** What a session should know of the server before it relies on it. */
export interface ServerReport {
  /** Whether the server promises that what it has committed survives a power cut. */
  readonly isDurable: boolean;
}

/** @throws SessionError, UnfitDatabaseError */
export async function checkServer(session: PostgresSession): Promise<ServerReport> {
  const [row] = await session.query(
    `SELECT current_setting('server_version_num'), current_setting('server_encoding'),
       CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE '' END, current_setting('fsync')`,
  );
  const [version, encoding, role, fsync] = row!;
  if (Number(version) < OLDEST_SERVER) {
    throw new UnfitDatabaseError(`the server is too old; PostgreSQL 11 or newer is accepted`);
  }
  if (role !== '') throw new UnfitDatabaseError('the server is a standby and takes no writes');
  if (encoding !== 'UTF8') {
    throw new UnfitDatabaseError(
      `the database is encoded in ${encoding}; accepted is UTF8 (createdb --encoding=UTF8 --template=template0)`,
    );
  }
  return { isDurable: fsync === 'on' };
}

/**
 * Makes the tables where they are not there, and brings older ones up to date.
 * @param schema quoted
 * @throws SessionError, UnfitDatabaseError
 */
export async function prepareSchema(session: PostgresSession, schema: string): Promise<void> {
  const before = await versionOf(session, schema);
  if (before === SCHEMA_VERSION) return;
  await session.query('BEGIN');
  try {
    await session.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_KEY]);
    // Somebody else may have made them while we waited.
    if ((await versionOf(session, schema)) === null) await createTables(session, schema);
    await session.query('COMMIT');
  } catch (error) {
    await session.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** @returns null where there are no tables @throws UnfitDatabaseError for a newer one */
async function versionOf(session: PostgresSession, schema: string): Promise<number | null> {
  const [found] = await session.query('SELECT to_regclass($1)::text', [`${schema}.version`]);
  if (found![0] === null) return null;
  const [row] = await session.query(`SELECT version::text FROM ${schema}.version`);
  const version = Number(row?.[0] ?? 0);
  if (version !== SCHEMA_VERSION) {
    throw new UnfitDatabaseError(
      `the schema ${schema} was written by a newer version (${version}; this one knows ${SCHEMA_VERSION})`,
    );
  }
  return version;
}

async function createTables(session: PostgresSession, schema: string): Promise<void> {
  // Asking for one that is there takes a right that whoever made it need not have given.
  const [there] = await session.query('SELECT to_regnamespace($1)::text', [schema]);
  if (there![0] === null) await session.query(`CREATE SCHEMA ${schema}`);
  await session.query(`CREATE TABLE ${schema}.version (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    version integer NOT NULL)`);
  await session.query(`CREATE TABLE ${schema}.lease (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    epoch bigint NOT NULL DEFAULT 0,
    engine text NOT NULL DEFAULT '',
    instance text NOT NULL DEFAULT '',
    host text NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL DEFAULT '-infinity') WITH (fillfactor = 50)`);
  // Keys may be longer than an index takes, and no order is asked of them.
  await session.query(`CREATE TABLE ${schema}.entry (
    lease_id integer NOT NULL,
    area text COLLATE "C" NOT NULL,
    key_hash bytea NOT NULL,
    key text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    PRIMARY KEY (lease_id, area, key_hash))`);
  await session.query(`INSERT INTO ${schema}.version (version) VALUES (${SCHEMA_VERSION})`);
}
