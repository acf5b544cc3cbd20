import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Postgres } from './postgres.ts';

/** Looks like one that matters, so that a test can look for it everywhere. */
export const PASSWORD = 'h4ndle-With-care';

/** A server with the database `binnacle` of a user of that name, who needs {@link PASSWORD}. */
export interface StateDatabase {
  readonly server: Postgres;
  readonly port: number;
  /** @param port another than the server's where something stands in between */
  url(port?: number): string;
  /** Runs a statement in the database. */
  query(text: string): Promise<Record<string, unknown>[]>;
}

/** Makes the database. Whoever started the server stops it. */
export async function makeStateDatabase(server: Postgres): Promise<StateDatabase> {
  await writeFile(
    join(server.dataFolder, 'pg_hba.conf'),
    'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
  );
  await server.sql('SELECT pg_reload_conf()');
  await server.sql(`CREATE ROLE binnacle LOGIN PASSWORD '${PASSWORD}'`);
  await server.sql('CREATE DATABASE binnacle OWNER binnacle');
  const { port } = server;
  return {
    server,
    port,
    url: (at = port) => `postgresql://binnacle:${PASSWORD}@127.0.0.1:${at}/binnacle`,
    async query(text) {
      const client = new Client({
        host: '127.0.0.1',
        port,
        user: 'postgres',
        password: '',
        ssl: false,
        database: 'binnacle',
        connectionTimeoutMillis: 10_000,
      });
      client.on('error', () => {});
      try {
        await client.connect();
        const { rows } = await client.query<Record<string, unknown>>(text);
        return rows;
      } finally {
        await client.end().catch(() => {});
      }
    },
  };
}
