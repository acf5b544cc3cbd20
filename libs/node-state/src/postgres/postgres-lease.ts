import type { PostgresSession } from './postgres-session.ts';

/** Who an engine is to the others that share its database. */
interface LeaseHolder {
  /** Stays the same over restarts: whoever comes back with it has taken the place of the process before. */
  readonly engine: string;
  /** Of this process alone. */
  readonly instance: string;
  /** For people. */
  readonly host: string;
}

/** A lease that is held: every write names the epoch, and one with an epoch that has passed changes nothing. */
export interface HeldLease {
  readonly id: string;
  readonly epoch: string;
}

/** A lease that somebody else holds. */
export interface ForeignLease {
  readonly host: string;
  /** Until it runs out, by the server's clock. */
  readonly remainingMs: number;
}

export interface LeaseOptions {
  /** Quoted. */
  readonly schema: string;
  readonly name: string;
  readonly leaseMs: number;
  readonly holder: LeaseHolder;
}

/** Makes the row of the lease, held by nobody, where it is not there. @throws SessionError */
export async function makeLease(
  session: PostgresSession,
  { schema, name }: LeaseOptions,
): Promise<void> {
  await session.query(
    `INSERT INTO ${schema}.lease (name) SELECT $1
     WHERE NOT EXISTS (SELECT FROM ${schema}.lease WHERE name = $1) ON CONFLICT (name) DO NOTHING`,
    [name],
  );
}

/**
 * Takes the lease where it has run out or is this process's own, which begins an epoch: what an earlier connection still has
 * under way is then either done or without effect. The server's clock alone counts.
 * @param options `succeeds` also takes it from the process before of the same engine, which is known to have ended
 * @returns null where somebody else holds it
 * @throws SessionError
 */
export async function takeLease(
  session: PostgresSession,
  { schema, name, leaseMs, holder }: LeaseOptions,
  { succeeds }: { readonly succeeds: boolean },
): Promise<HeldLease | null> {
  const [row] = await session.query(
    `UPDATE ${schema}.lease SET epoch = epoch + 1, engine = $2, instance = $3, host = $4,
       expires_at = clock_timestamp() + $5 * interval '1 millisecond'
     WHERE name = $1
       AND (expires_at <= clock_timestamp() OR instance = $3 OR (engine = $2 AND $6::boolean))
     RETURNING id::text, epoch::text`,
    [name, holder.engine, holder.instance, holder.host, String(leaseMs), String(succeeds)],
  );
  return row === undefined ? null : { id: row[0]!, epoch: row[1]! };
}

/**
 * Goes on with the lease over another connection, in a new epoch.
 * @returns null where it is somebody else's by now
 * @throws SessionError
 */
export async function resumeLease(
  session: PostgresSession,
  { schema, name, leaseMs, holder }: LeaseOptions,
): Promise<HeldLease | null> {
  const [row] = await session.query(
    `UPDATE ${schema}.lease SET epoch = epoch + 1,
       expires_at = clock_timestamp() + $3 * interval '1 millisecond'
     WHERE name = $1 AND instance = $2 RETURNING id::text, epoch::text`,
    [name, holder.instance, String(leaseMs)],
  );
  return row === undefined ? null : { id: row[0]!, epoch: row[1]! };
}

/** @returns whether it is still held @throws SessionError */
export async function renewLease(
  session: PostgresSession,
  { schema, leaseMs }: LeaseOptions,
  { id, epoch }: HeldLease,
): Promise<boolean> {
  const rows = await session.query(
    `UPDATE ${schema}.lease SET expires_at = clock_timestamp() + $3 * interval '1 millisecond'
     WHERE id = $1 AND epoch = $2 RETURNING 1`,
    [id, epoch, String(leaseMs)],
  );
  return rows.length > 0;
}

/** Gives it to whoever wants it next. @throws SessionError */
export async function releaseLease(
  session: PostgresSession,
  { schema }: LeaseOptions,
  { id, epoch }: HeldLease,
): Promise<void> {
  await session.query(
    `UPDATE ${schema}.lease SET expires_at = '-infinity' WHERE id = $1 AND epoch = $2`,
    [id, epoch],
  );
}

/** Who holds it. @throws SessionError */
export async function readLease(
  session: PostgresSession,
  { schema, name }: LeaseOptions,
): Promise<ForeignLease> {
  const [row] = await session.query(
    `SELECT host, greatest(0, least(86400000, extract(epoch FROM expires_at - clock_timestamp()) * 1000))::text
     FROM ${schema}.lease WHERE name = $1 AND expires_at > '-infinity'`,
    [name],
  );
  return { host: row?.[0] ?? '', remainingMs: Number(row?.[1] ?? 0) };
}
