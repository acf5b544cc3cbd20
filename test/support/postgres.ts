import { existsSync, readdirSync } from 'node:fs';
import { chown, cp, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, it } from '@jest/globals';
import { peersRoot } from './peers.ts';
import { eventually, freePort, runToEnd, startProcess, temporaryFolder } from './processes.ts';

/** A real PostgreSQL with a database of its own. Whoever starts it stops it. */
export interface Postgres {
  readonly port: number;
  /** `postgresql://…` of the superuser `postgres`, who needs no password. */
  readonly url: string;
  /** Its files, `pg_hba.conf` among them. */
  readonly dataFolder: string;
  /** Runs SQL with `psql`; @returns what it prints, unaligned and without headings */
  sql(text: string): Promise<string>;
  /** Ends the server, and starts it again with what is on its disk. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the server and removes its files. Stopping twice is harmless. */
  stop(): Promise<void>;
}

/** Who is nobody everywhere: PostgreSQL refuses to run as root. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const user = isRoot ? NOBODY : null;

/** The programs of the newest version below a folder, or null. */
function programsIn(root: string): string | null {
  const versions = join(root, 'usr', 'lib', 'postgresql');
  if (!existsSync(versions)) return null;
  const newest = readdirSync(versions)
    .filter((version) => existsSync(join(versions, version, 'bin', 'initdb')))
    .toSorted((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? null : join(versions, newest, 'bin');
}

const fetchedRoot = peersRoot === '' ? null : resolve(peersRoot, '..', '..');
const installed = programsIn('/');
const fetched = fetchedRoot === null ? null : programsIn(fetchedRoot);

/**
 * A suite that talks to a real PostgreSQL: the machine's own, or the one that `npm test` has fetched. Where there is none,
 * it is one skipped test that says so.
 * @param body gets what starts a server
 */
export function describeWithPostgres(
  name: string,
  body: (start: (settings?: Readonly<Record<string, string>>) => Promise<Postgres>) => void,
): void {
  if (installed !== null || fetched !== null) {
    describe(name, () => body(startPostgres));
    return;
  }
  describe(name, () => {
    it.skip("needs postgresql from Debian's packages, which this machine does not have", () => {});
  });
}

async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<Postgres> {
  const folder = await temporaryFolder();
  try {
    return await startIn(folder, settings);
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function startIn(
  folder: Awaited<ReturnType<typeof temporaryFolder>>,
  settings: Readonly<Record<string, string>>,
): Promise<Postgres> {
  const data = join(folder.path, 'data');
  if (user !== null) await chown(folder.path, user, user);
  const { bin, env } = await programs(folder.path);
  const made = await runToEnd(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
    { env, user, cwd: folder.path },
  );
  if (made.code !== 0) throw new Error(`initdb: ${made.output}`);
  const port = await freePort();
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    jit: 'off',
    ...settings,
  };
  const args = Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const start = () =>
    startProcess(join(bin, 'postgres'), ['-D', data, ...args], { env, user, cwd: folder.path });
  const sql = async (text: string): Promise<string> => {
    const asked = ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text, url];
    const { code, output } = await runToEnd(join(bin, 'psql'), asked, { env });
    if (code !== 0) throw new Error(`psql: ${output}`);
    return output.trimEnd();
  };
  let running = start();
  const answers = async (): Promise<void> => {
    await eventually('PostgreSQL to answer', async () => {
      const { exitCode } = running.child;
      if (exitCode !== null) throw new Error(`postgres has ended: ${running.output()}`);
      return (await sql('SELECT 1')) === '1' ? true : null;
    });
  };
  const stop = async (): Promise<void> => {
    // Ends the connections that are open too.
    await running.stop('SIGINT');
    await folder.remove();
  };
  try {
    await answers();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    url,
    dataFolder: data,
    sql,
    stop,
    async restart(signal = 'SIGINT') {
      await running.stop(signal);
      running = start();
      await answers();
    },
  };
}

/** Where the programs are, and where they find the libraries that the machine lacks. */
async function programs(
  home: string,
): Promise<{ readonly bin: string; readonly env: Readonly<Record<string, string>> }> {
  if (installed !== null) return { bin: installed, env: {} };
  let root = fetchedRoot!;
  if (isRoot) {
    // The repository may lie where nobody else can look. The server finds its other files from its own place.
    root = join(home, 'root');
    await mkdir(root, { mode: 0o755 });
    const parts = [join('usr', 'lib'), join('usr', 'share', 'postgresql'), 'lib'];
    for (const part of parts.filter((name) => existsSync(join(fetchedRoot!, name)))) {
      await cp(join(fetchedRoot!, part), join(root, part), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
  }
  const libraries = [join(root, 'usr', 'lib'), join(root, 'lib')]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('-linux-gnu'))
        .map((name) => join(folder, name)),
    );
  return { bin: programsIn(root)!, env: { LD_LIBRARY_PATH: libraries.join(':') } };
}
