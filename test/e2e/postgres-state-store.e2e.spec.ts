import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chownSync, copyFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type PostgresConfig,
  postgresConfigSchema,
  PostgresStateStore,
  type PostgresStateStatus,
  type StateChange,
  StateStoreError,
} from '#libs/node-state';
import { describeWithPostgres, type Postgres } from '../support/postgres.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';
import { makeStateDatabase, PASSWORD, type StateDatabase } from '../support/state-database.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

interface Opened {
  readonly store: PostgresStateStore;
  /** Every status so far. */
  readonly statuses: readonly PostgresStateStatus[];
}

const put = (key: string, value: string | null, area = 'area'): StateChange => ({
  area,
  key,
  value,
});

const rotatedUrl = (port: number, password: string): string =>
  `postgres://rotated:${password}@127.0.0.1:${port}/binnacle`;

const leads = (store: PostgresStateStore): Promise<true> =>
  eventually('the engine to lead', () => (store.status.kind === 'leading' ? true : null));

/** Writes numbers, one after the other, until told to stop. What is refused is asked for again, as the engine does. */
function writeNumbers(store: PostgresStateStore): {
  acknowledged: number[];
  stop: () => Promise<void>;
} {
  const acknowledged: number[] = [];
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    for (let i = 0; !stopping.signal.aborted; i++) {
      await store.apply([put(`n${i}`, 'x'), put('latest', `${i}`)]).then(
        () => acknowledged.push(i),
        () => new Promise((proceed) => setTimeout(proceed, 5)),
      );
    }
  };
  const running = run();
  return {
    acknowledged,
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

async function expectKept(
  store: PostgresStateStore,
  acknowledged: readonly number[],
): Promise<void> {
  const kept = await store.load('area');
  expect(acknowledged.filter((i) => !kept.has(`n${i}`))).toEqual([]);
  expect(Number(kept.get('latest'))).toBeGreaterThanOrEqual(acknowledged.at(-1)!);
}

const problemOf = ({ store }: Opened): Promise<string> =>
  eventually('a problem', () => (store.status.kind === 'connecting' ? store.status.problem : null));

describeWithPostgres('the state in a PostgreSQL', (start) => {
  let server: Postgres;
  let state: StateDatabase;
  let schemas = 0;
  const cleanups: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    server = await start({
      // The session asks for more; what it was told is kept must be, all the same.
      synchronous_commit: 'off',
      wal_writer_delay: '10s',
      wal_writer_flush_after: '0',
    });
    state = await makeStateDatabase(server);
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  /** A schema of its own for each test. */
  const freshSchema = (): string => `state_${++schemas}`;

  function open(
    raw: Readonly<Record<string, unknown>>,
    engineId: string | null = null,
    baseDir = '/',
  ): Opened {
    const config: PostgresConfig = postgresConfigSchema.parse({
      ...(raw['host'] === undefined && raw['url_file'] === undefined ? { url: state.url() } : {}),
      lease: '30s',
      timeout: '15s',
      ...raw,
    });
    const statuses: PostgresStateStatus[] = [];
    const store = PostgresStateStore.start({
      config: () => config,
      baseDir,
      engineId,
      onStatus: (status) => statuses.push(status),
    });
    cleanups.push(() => store.close());
    return { store, statuses };
  }

  async function openProxy(): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(server.port);
    cleanups.push(() => proxy.close());
    return proxy;
  }

  it('gives back what was applied, over a restart as well, and areas apart', async () => {
    const schema = freshSchema();
    const first = open({ schema }).store;
    expect(await first.load('area')).toEqual(new Map());
    await first.apply([put('a', '1'), put('b', '2'), put('a', '☃', 'other')]);
    await first.apply([put('a', null), put('b', '3'), put('__proto__', '4'), put('b', '5')]);
    const kept = new Map([
      ['b', '5'],
      ['__proto__', '4'],
    ]);
    expect(await first.load('area')).toEqual(kept);
    await first.close();
    const second = open({ schema }).store;
    expect(await second.load('area')).toEqual(kept);
    expect(await second.load('other')).toEqual(new Map([['a', '☃']]));
    expect(await second.areas()).toEqual(['area', 'other']);
  });

  it('keeps texts that PostgreSQL or its arrays would not take, and keys longer than an index takes', async () => {
    const { store } = open({ schema: `"odd'; DROP SCHEMA ${freshSchema()}` });
    await leads(store);
    const texts = [
      '',
      'NULL',
      '\0',
      'a\0b\0',
      '\u001B',
      '\u001B0',
      '\uD800',
      'x\uDFFFy\uD83D',
      '😀',
    ];
    texts.push(
      '{a,"b"}',
      '\\x41',
      "'; DROP TABLE entry; --",
      '"',
      '$1',
      '\u2028',
      'x'.repeat(300_000),
    );
    const noise = Array.from({ length: 40_000 }, (_, i) =>
      String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000)),
    );
    texts.push(noise.join(''));
    await store.apply(texts.map((text) => put(text, text, text.slice(0, 20))));
    for (const text of texts) {
      expect((await store.load(text.slice(0, 20))).get(text) === text).toBe(true);
    }
    await store.apply(texts.map((text) => put(text, null, text.slice(0, 20))));
    expect(await store.areas()).toEqual([]);
  });

  it('makes the changes of one call together or not at all, in the order of the calls', async () => {
    const { store } = open({ schema: freshSchema() });
    await leads(store);
    await Promise.all(
      Array.from({ length: 400 }, (_, i) => store.apply([put('last', `${i}`), put(`k${i}`, 'x')])),
    );
    const kept = await store.load('area');
    expect(kept.size).toBe(401);
    expect(kept.get('last')).toBe('399');
  });

  it('takes and gives 100,000 entries, in one transaction', async () => {
    // How long a busy machine takes is not the matter here.
    const { store } = open({ schema: freshSchema(), lease: '10m', timeout: '3m' });
    await leads(store);
    const label = 'x'.repeat(300);
    await store.apply(Array.from({ length: 100_000 }, (_, i) => put(`alert-${i}`, `${label}${i}`)));
    const kept = await store.load('area');
    expect(kept.size).toBe(100_000);
    expect(kept.get('alert-99999')).toBe(`${label}99999`);
  });

  it('keeps engines of another name or schema apart', async () => {
    const schema = freshSchema();
    const stores = [
      open({ schema, name: 'one' }).store,
      open({ schema, name: 'two' }).store,
      open({ schema: freshSchema(), name: 'one' }).store,
    ];
    await Promise.all(stores.map(leads));
    await Promise.all(stores.map((store, i) => store.apply([put('key', `${i}`)])));
    await stores[1]!.apply([put('key', null), put('mine', '1')]);
    const kept = await Promise.all(stores.map((store) => store.load('area')));
    expect(kept).toEqual([
      new Map([['key', '0']]),
      new Map([['mine', '1']]),
      new Map([['key', '2']]),
    ]);
  });

  describe('with two engines', () => {
    it('lets one lead; the other waits and takes over with everything when it stops', async () => {
      const schema = freshSchema();
      const lease = { lease: '12s', timeout: '5s' };
      const first = open({ schema, ...lease }, 'first');
      await first.store.apply([]);
      await leads(first.store);
      const second = open({ schema, ...lease }, 'second');
      const loaded = second.store.load('area');
      await eventually('the second to wait', () =>
        second.store.status.kind === 'standby' ? true : null,
      );
      await expect(second.store.apply([put('a', 'no')])).rejects.toThrow('another engine leads');
      await first.store.apply([put('a', 'yes')]);
      await first.store.close();
      expect(await loaded).toEqual(new Map([['a', 'yes']]));
      await second.store.apply([put('b', '1')]);
    });

    it('lets the other take over from one that is not heard of, and refuses what that one writes then', async () => {
      const schema = freshSchema();
      const lease = { lease: '12s', timeout: '5s' };
      const proxy = await openProxy();
      const cutOff = open({ schema, url: state.url(proxy.port), ...lease }, 'first');
      await leads(cutOff.store);
      await cutOff.store.apply([put('a', 'before')]);
      const second = open({ schema, ...lease }, 'second');
      await eventually('the second to wait', () =>
        second.store.status.kind === 'standby' ? true : null,
      );
      proxy.cut();
      await eventually('the second to lead', () =>
        second.store.status.kind === 'leading' ? true : null,
      );
      await second.store.apply([put('a', 'after')]);
      await eventually('the first to notice', () =>
        cutOff.store.status.kind === 'away' ? true : null,
      );
      await expect(cutOff.store.apply([put('a', 'late')])).rejects.toMatchObject({
        isRetryable: true,
      });
      proxy.mend();
      await eventually('the first to hear of it', () =>
        cutOff.store.status.kind === 'deposed' ? true : null,
      );
      await expect(cutOff.store.apply([put('a', 'late')])).rejects.toMatchObject({
        isRetryable: false,
      });
      await expect(cutOff.store.load('area')).rejects.toThrow('another engine has taken over');
      expect(await second.store.load('area')).toEqual(new Map([['a', 'after']]));
      expect(second.store.status.kind).toBe('leading');
    });

    it('takes over from the process before of the same engine at once, and once only', async () => {
      const schema = freshSchema();
      const before = open({ schema, lease: '1h' }, 'engine');
      await leads(before.store);
      await before.store.apply([put('a', '1')]);
      const after = open({ schema, lease: '1h' }, 'engine');
      expect(await after.store.load('area')).toEqual(new Map([['a', '1']]));
      await expect(before.store.apply([put('a', '2')])).rejects.toThrow('taken over');
      expect(before.store.status.kind).toBe('deposed');
      await after.store.apply([put('a', '3')]);
    });

    it('has one winner when many start at once, tables still to be made', async () => {
      const schema = freshSchema();
      const all = Array.from({ length: 6 }, (_, i) => open({ schema }, `engine-${i}`).store);
      const kinds = await eventually('all to know', () => {
        const now = all.map(({ status }) => status.kind);
        return now.includes('connecting') ? null : now.toSorted();
      });
      expect(kinds).toEqual(['leading', ...Array.from({ length: 5 }, () => 'standby')]);
    });
  });

  it('loses nothing that it said is kept when the server crashes in the middle', async () => {
    const { store, statuses } = open({ schema: freshSchema() });
    await leads(store);
    const writing = writeNumbers(store);
    for (let crash = 0; crash < 3; crash++) {
      const goal = writing.acknowledged.length + 50;
      await eventually('writes', () => (writing.acknowledged.length > goal ? true : null));
      await server.restart('SIGQUIT');
    }
    const goal = writing.acknowledged.length + 20;
    await eventually('writes again', () => (writing.acknowledged.length > goal ? true : null));
    await writing.stop();
    await expectKept(store, writing.acknowledged);
    expect(statuses.map(({ kind }) => kind)).not.toContain('deposed');
  });

  it('loses nothing when its connection is cut in the middle, again and again', async () => {
    const proxy = await openProxy();
    const { store, statuses } = open({
      schema: freshSchema(),
      url: state.url(proxy.port),
      lease: '30s',
    });
    await leads(store);
    const writing = writeNumbers(store);
    for (let cut = 0; cut < 5; cut++) {
      const goal = writing.acknowledged.length + 20;
      await eventually('writes', () => (writing.acknowledged.length > goal ? true : null));
      proxy.cut();
      await eventually('it to be noticed', () => (store.status.kind === 'away' ? true : null));
      proxy.mend();
    }
    const goal = writing.acknowledged.length + 20;
    await eventually('writes again', () => (writing.acknowledged.length > goal ? true : null));
    await writing.stop();
    await expectKept(store, writing.acknowledged);
    expect(statuses.map(({ kind }) => kind)).not.toContain('deposed');
  });

  it('gives up a statement that is not answered, and then refuses without waiting', async () => {
    const proxy = await openProxy();
    const { store } = open({
      schema: freshSchema(),
      url: state.url(proxy.port),
      lease: '30s',
      timeout: '1500ms',
    });
    await leads(store);
    proxy.fallSilent();
    await expect(store.apply([put('a', '1')])).rejects.toThrow('no answer within 1500 ms');
    await expect(store.apply([put('a', '1')])).rejects.toThrow('away');
    proxy.mend();
    await eventually('a write to be taken', async () => {
      await store.apply([put('a', '2')]);
      return true;
    });
    expect(await store.load('area')).toEqual(new Map([['a', '2']]));
  });

  it('waits for a database that is not there at the start', async () => {
    const schema = freshSchema();
    const proxy = await openProxy();
    proxy.cut();
    const { store } = open({ schema, url: state.url(proxy.port) });
    const loaded = store.load('area');
    const status = await eventually('a reason', () =>
      store.status.kind === 'connecting' && store.status.problem !== null ? store.status : null,
    );
    expect(status.problem).toMatch(/ECONNRESET|closed/);
    await expect(store.apply([put('a', '1')])).rejects.toThrow('the database of the state is away');
    proxy.mend();
    expect(await loaded).toEqual(new Map());
  });

  it('says what is wrong, and never shows the password', async () => {
    const schema = freshSchema();
    const { store } = open({ schema });
    await leads(store);
    await store.close();
    await state.query(`UPDATE ${schema}.version SET version = 9`);
    await state.query("CREATE DATABASE latin OWNER binnacle TEMPLATE template0 ENCODING 'LATIN1'");
    const place = { host: '127.0.0.1', port: server.port, password: PASSWORD };
    const problems = await Promise.all(
      [
        { schema },
        { ...place, password: `${PASSWORD}!` },
        { host: '127.0.0.1', port: server.port },
        { ...place, database: 'none' },
        { ...place, database: 'latin' },
        { ...place, tls_config: {} },
        { url_file: 'missing' },
      ].map((raw) => problemOf(open(raw))),
    );
    expect(problems).toEqual([
      `the schema "${schema}" was written by a newer version (9; this one knows 1)`,
      'password authentication failed for user "binnacle" (28P01)',
      'the server wants a password and none is given',
      'database "none" does not exist (3D000)',
      expect.stringContaining('the database is encoded in LATIN1; accepted is UTF8'),
      'The server does not support SSL connections',
      'unable to read /missing: ENOENT',
    ]);
    expect(problems.join(' ')).not.toContain(PASSWORD);
  });

  it('reads a password file anew for every connection', async () => {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const file = join(folder.path, 'url');
    await state.query(
      `CREATE ROLE rotated LOGIN PASSWORD 'first'; GRANT CREATE ON DATABASE binnacle TO rotated`,
    );
    await writeFile(file, rotatedUrl(server.port, 'first'));
    const { store } = open({ schema: freshSchema(), url_file: 'url' }, null, folder.path);
    await leads(store);
    await state.query(`ALTER ROLE rotated PASSWORD 'second'`);
    await writeFile(file, rotatedUrl(server.port, 'second'));
    await state.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'`,
    );
    await eventually('the store to write again', async () => {
      await store.apply([put('a', '1')]);
      return true;
    });
    expect(await store.load('area')).toEqual(new Map([['a', '1']]));
  });

  it('refuses work once it is closed, and closes twice', async () => {
    const { store } = open({ schema: freshSchema() });
    await leads(store);
    await store.close();
    await store.close();
    await expect(store.load('a')).rejects.toThrow(StateStoreError);
    await expect(store.apply([put('a', '1')])).rejects.toThrow('closed');
  });

  it('checks the certificate of the server', async () => {
    const certificates = join(import.meta.dirname, '..', '..', 'libs', 'node-http', 'testdata');
    const { uid, gid } = { uid: 65_534, gid: 65_534 };
    for (const [from, to] of [
      ['localhost.cert.pem', 'server.crt'],
      ['localhost.key.pem', 'server.key'],
    ] as const) {
      copyFileSync(join(certificates, from), join(server.dataFolder, to));
      if (process.getuid?.() === 0) chownSync(join(server.dataFolder, to), uid, gid);
    }
    await chmod(join(server.dataFolder, 'server.key'), 0o600);
    await state.query('ALTER SYSTEM SET ssl = on');
    await state.query('SELECT pg_reload_conf()');
    const ca_file = join(certificates, 'localhost.cert.pem');
    expect(await readFile(ca_file, 'utf8')).toContain('CERTIFICATE');
    const schema = freshSchema();
    const place = { schema, host: '127.0.0.1', port: server.port, password: PASSWORD };
    const trusted = open({ ...place, tls_config: { ca_file, server_name: 'localhost' } });
    await leads(trusted.store);
    await trusted.store.apply([put('a', '1')]);
    const [row] = await state.query(
      'SELECT count(*)::int AS n FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl',
    );
    expect(row).toEqual({ n: 1 });
    await trusted.store.close();
    const verified = `${state.url()}?sslmode=verify-full`;
    const problems = await Promise.all(
      [
        { ...place, tls_config: {} },
        { ...place, tls_config: { ca_file, server_name: 'db.example.com' } },
        { schema, url: verified },
      ].map((raw) => problemOf(open(raw))),
    );
    expect(problems).toEqual([
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
    ]);
    // The certificate does not have this name of the same address.
    const otherName = state.url().replace('127.0.0.1', '127.1');
    const refused = open({ schema, url: otherName, tls_config: { ca_file } });
    expect(await problemOf(refused)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    const anyName = open({
      schema: freshSchema(),
      url: `${otherName}?sslmode=verify-ca`,
      tls_config: { ca_file },
    });
    await leads(anyName.store);
    const unverified = open({ schema, url: `${state.url()}?sslmode=require` });
    await leads(unverified.store);
  });
});
