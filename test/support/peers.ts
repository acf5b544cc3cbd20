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

/**
 * A suite that runs programs in a sandbox of bubblewrap's. Where there is none, it is one skipped test that says why.
 * @param programs what the suite needs beside it, of the peers; it is handed their paths
 */
export function describeWithSandbox(
  name: string,
  programs: readonly string[],
  body: (bwrap: string, paths: readonly string[]) => void,
): void {
  const path = peerPath('bwrap');
  const tried = path === null ? null : spawnSync(path, [...TRY_SANDBOX, 'true']);
  if (path === null || tried?.status === 0) {
    describeWithPeers(name, ['bwrap', ...programs], ([bwrap, ...paths]) => body(bwrap!, paths));
    return;
  }
  const reason = `needs a sandbox, which this machine does not allow: ${String(tried?.stderr).trim()}`;
  describe(name, () => {
    it.skip(reason, () => {});
  });
}

/** What a sandbox's arguments begin with that has a network of its own, and rights in it. */
const OWN_NETWORK = [
  '--unshare-user',
  '--uid',
  '0',
  '--gid',
  '0',
  '--unshare-net',
  '--cap-add',
  'ALL',
];

/** Lets the group that the sandbox runs as, and no other, open sockets for echoes. */
const ALLOW_ECHOES = 'echo "0 0" > /proc/sys/net/ipv4/ping_group_range';

/**
 * A suite that runs programs in a network of their own, in which they may send echoes (ICMP) as they may in a pod that says
 * so. Where the system allows no such network, it is one skipped test that says why.
 * @param body gets the command that such a program is appended to
 */
export function describeWithEchoes(
  name: string,
  bwrap: string,
  body: (command: readonly string[]) => void,
): void {
  const inside = ['sh', '-ec', `${ALLOW_ECHOES}; exec "$@"`, 'sh'];
  const command = [bwrap, ...OWN_NETWORK, '--dev-bind', '/', '/', ...inside];
  const { status, stderr } = spawnSync(bwrap, [...command.slice(1), 'true']);
  if (status === 0) {
    describe(name, () => body(command));
    return;
  }
  describe(name, () => {
    it.skip(`needs a network of its own: ${String(stderr).trim()}`, () => {});
  });
}
