import type { StateChange } from '../state-store.ts';
import type { HeldLease, LeaseOptions } from './postgres-lease.ts';
import { fromPostgresText, toPostgresText } from './postgres-text.ts';
import type { PostgresSession } from './postgres-session.ts';

/** Most changes in one statement, and about the most characters, so that each is done well within its time. */
const STATEMENT_CHANGES = 5_000;
const STATEMENT_LENGTH = 8 * 1024 * 1024;
const PAGE_ROWS = 1_000;
/** Below every hash. */
const FIRST_HASH = '';

/**
 * Makes all changes or none; the last of several to one key counts. Renews the lease along the way.
 * @returns false where the lease is somebody else's by now: then nothing has changed
 * @throws SessionError
 */
export async function writeEntries(
  session: PostgresSession,
  options: LeaseOptions,
  lease: HeldLease,
  changes: readonly StateChange[],
): Promise<boolean> {
  const parts = partsOf(lastOfEachKey(changes));
  if (parts.length === 1) return writeSome(session, options, lease, parts[0]!);
  await session.query('BEGIN');
  try {
    for (const some of parts) {
      if (!(await writeSome(session, options, lease, some))) {
        await session.query('ROLLBACK');
        return false;
      }
    }
    await session.query('COMMIT');
    return true;
  } catch (error) {
    await session.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/**
 * One statement, so one transaction: the update of the lease both asks whether it is held and keeps others off until the end.
 */
async function writeSome(
  session: PostgresSession,
  { schema, leaseMs }: LeaseOptions,
  { id, epoch }: HeldLease,
  changes: readonly StateChange[],
): Promise<boolean> {
  const rows = await session.query(
    `WITH held AS (
       UPDATE ${schema}.lease SET expires_at = clock_timestamp() + $3 * interval '1 millisecond'
       WHERE id = $1 AND epoch = $2 RETURNING id
     ), change AS (
       SELECT held.id, area, sha256(convert_to(key, 'UTF8')) AS key_hash, key, value
       FROM held, unnest($4::text[], $5::text[], $6::text[]) AS c (area, key, value)
     ), removed AS (
       DELETE FROM ${schema}.entry e USING change c
       WHERE c.value IS NULL AND e.lease_id = $1 AND e.area = c.area AND e.key_hash = c.key_hash
     ), kept AS (
       INSERT INTO ${schema}.entry (lease_id, area, key_hash, key, value)
       SELECT id, area, key_hash, key, value FROM change WHERE value IS NOT NULL
       ON CONFLICT (lease_id, area, key_hash) DO UPDATE SET value = excluded.value
     )
     SELECT id::text FROM held`,
    [
      id,
      epoch,
      String(leaseMs),
      changes.map(({ area }) => toPostgresText(area)),
      changes.map(({ key }) => toPostgresText(key)),
      changes.map(({ value }) => (value === null ? null : toPostgresText(value))),
    ],
  );
  return rows.length > 0;
}

/** All keys of an area. @throws SessionError */
export async function readEntries(
  session: PostgresSession,
  { schema }: LeaseOptions,
  { id }: HeldLease,
  area: string,
): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  let after = FIRST_HASH;
  for (;;) {
    const rows = await session.query(
      `SELECT encode(key_hash, 'hex'), key, value FROM ${schema}.entry
       WHERE lease_id = $1 AND area = $2 AND key_hash > decode($3, 'hex') ORDER BY key_hash LIMIT ${PAGE_ROWS}`,
      [id, toPostgresText(area), after],
    );
    for (const [, key, value] of rows) {
      entries.set(fromPostgresText(key!), fromPostgresText(value!));
    }
    if (rows.length < PAGE_ROWS) return entries;
    after = rows.at(-1)![0]!;
  }
}

/** The areas that have keys. @throws SessionError */
export async function readAreas(
  session: PostgresSession,
  { schema }: LeaseOptions,
  { id }: HeldLease,
): Promise<string[]> {
  const rows = await session.query(
    `SELECT DISTINCT area FROM ${schema}.entry WHERE lease_id = $1 ORDER BY area`,
    [id],
  );
  return rows.map(([area]) => fromPostgresText(area!));
}

/** What goes into one statement each; at least one part. */
function partsOf(changes: readonly StateChange[]): StateChange[][] {
  let part: StateChange[] = [];
  const parts = [part];
  let length = 0;
  for (const change of changes) {
    const more = change.key.length + (change.value?.length ?? 0);
    const isFull = part.length >= STATEMENT_CHANGES || length + more > STATEMENT_LENGTH;
    if (isFull && part.length > 0) {
      part = [];
      parts.push(part);
      length = 0;
    }
    part.push(change);
    length += more;
  }
  return parts;
}

/** PostgreSQL changes a row once per statement. */
function lastOfEachKey(changes: readonly StateChange[]): StateChange[] {
  const last = new Map<string, StateChange>();
  for (const change of changes)
    last.set(`${change.area.length} ${change.area}${change.key}`, change);
  return [...last.values()];
}
