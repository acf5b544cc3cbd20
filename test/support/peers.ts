import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from '@jest/globals';

const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The programs of the peers. `npm test` fetches the packages and says where; a single spec run by hand finds what an earlier run fetched. */
export const peersRoot =
  process.env['BINNACLE_PEERS'] ?? join(repositoryRoot, '.cache', 'peers', 'root', 'usr', 'bin');

/** The path of a real program from Debian's packages, or null where it is not on this machine. */
function peerPath(program: string): string | null {
  if (peersRoot === '') return null;
  // Where some of Debian's releases still have a few programs.
  const places = [peersRoot, join(peersRoot, '..', '..', 'bin')];
  return places.map((place) => join(place, program)).find((path) => existsSync(path)) ?? null;
}

/** A suite that talks to real programs. Where one is missing it is one skipped test that says which. */
export function describeWithPeers(
  name: string,
  programs: readonly string[],
  body: (paths: readonly string[]) => void,
): void {
  const paths = programs.map(peerPath);
  const missing = programs.filter((_, i) => paths[i] === null);
  if (missing.length === 0) {
    describe(name, () => body(paths.filter((path) => path !== null)));
    return;
  }
  describe(name, () => {
    it.skip(`needs ${missing.join(', ')} from Debian's packages, which this machine does not have`, () => {});
  });
}

/**
 * A suite that talks to a program that looks for its files below `/usr/share`; it is handed the command that runs it. The
 * program sees the files of the packages there, in a mount namespace of its own. Where the system allows none, it is one
 * skipped test.
 */
export function describeWithPeerFiles(
  name: string,
  program: string,
  body: (command: readonly [string, ...string[]]) => void,
): void {
  const path = peerPath(program);
  const share = resolve(peersRoot, '..', 'share');
  const script = 'mount --bind "$0" /usr/share && exec "$@"';
  const enter = ['--user', '--map-root-user', '--mount', 'sh', '-c', script, share] as const;
  if (path !== null && spawnSync('unshare', [...enter, 'true']).status === 0) {
    describe(name, () => body(['unshare', ...enter, path]));
    return;
  }
  describe(name, () => {
    it.skip(`needs ${program} from Debian's packages and a mount namespace, which this machine does not have`, () => {});
  });
}

const TRY_SANDBOX = ['--unshare-user', '--uid', '65532', '--ro-bind', '/', '/', '--proc', '/proc'];

/** A suite that runs programs in a sandbox of bubblewrap's. Where there is none, it is one skipped test that says why. */
export function describeWithSandbox(name: string, body: (bwrap: string) => void): void {
  const path = peerPath('bwrap');
  const tried = path === null ? null : spawnSync(path, [...TRY_SANDBOX, 'true']);
  if (path !== null && tried?.status === 0) {
    describe(name, () => body(path));
    return;
  }
  const reason =
    path === null
      ? "needs bwrap from Debian's packages, which this machine does not have"
      : `needs a sandbox, which this machine does not allow: ${String(tried?.stderr).trim()}`;
  describe(name, () => {
    it.skip(reason, () => {});
  });
}
