// The real programs that the tests talk to: Debian's Prometheus, promtool, node exporter, Alertmanager, blackbox
// exporter, postgres exporter and ping, etcd, bubblewrap for the images, and rsyslog with the libraries that it needs; and,
// where the machine has none, a PostgreSQL with whatever of its libraries is missing. Their packages are unpacked into
// `.cache/peers`; nothing is installed, no service is started, and no rights are needed but those to fetch a package.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, say } from './workspace.mjs';

const PACKAGES = [
  'prometheus',
  'prometheus-node-exporter',
  'prometheus-alertmanager',
  'prometheus-blackbox-exporter',
  'prometheus-postgres-exporter',
  'etcd-server',
  'iputils-ping',
  'bubblewrap',
  'rsyslog',
  'libestr0',
  'libfastjson4',
  'liblognorm5',
];
const FOLDER = join(root, '.cache', 'peers');
const STAMP = join(FOLDER, '.complete');
/** Where Debian's packages have servers of each version, below the root. */
const POSTGRESQL = join('usr', 'lib', 'postgresql');

/**
 * Makes the peers available.
 * @returns the folder that holds their programs, or null (with a word why) where the machine is not Debian or the packages
 *   cannot be had; the tests that need them are skipped then
 */
export function ensurePeers() {
  const programs = join(FOLDER, 'root', 'usr', 'bin');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === PACKAGES.join(' ')) return programs;
  if (!hasProgram('apt-get') || !hasProgram('dpkg-deb')) {
    say('this machine is not Debian: the tests that need real Prometheus programs are skipped');
    return null;
  }
  say(`fetching Debian's ${PACKAGES.join(', ')} for the tests …`);
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  if (!download(PACKAGES) && !(updateLists() && download(PACKAGES))) {
    say('the packages cannot be fetched: the tests that need real Prometheus programs are skipped');
    return null;
  }
  const bad = unpack();
  if (bad !== null) {
    say(`${bad} cannot be unpacked: the tests that need real Prometheus programs are skipped`);
    return null;
  }
  if (!existsSync(join('/', POSTGRESQL)) && !fetchPostgresql()) {
    say('PostgreSQL cannot be fetched: the tests that need it are skipped');
    rmSync(join(FOLDER, 'root', POSTGRESQL), { recursive: true, force: true });
  }
  writeFileSync(STAMP, PACKAGES.join(' '));
  return programs;
}

/** The server, its client programs, and those of its libraries that the machine lacks. */
function fetchPostgresql() {
  const args = ['install', '--no-install-recommends', '--print-uris', '-qq', 'postgresql'];
  const { status, stdout } = spawnSync('apt-get', args, { encoding: 'utf8' });
  if (status !== 0) return false;
  // `'URI' name_version_arch.deb size hash` each. What compiles queries is large, and is not turned on.
  const names = stdout
    .split('\n')
    .map((line) => line.split(' ')[1]?.split('_')[0] ?? '')
    .filter((name) => /^(postgresql-(client-)?\d+|lib(?!llvm|perl|.*-perl$).*)$/.test(name));
  return names.length > 0 && download(names) && unpack() === null;
}

/** @returns the package that is no good, or null */
function unpack() {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.deb'))) {
    const { status } = spawnSync('dpkg-deb', ['-x', join(FOLDER, file), join(FOLDER, 'root')], {
      stdio: 'inherit',
    });
    if (status !== 0) return file;
    rmSync(join(FOLDER, file));
  }
  return null;
}

function hasProgram(name) {
  return spawnSync('which', [name], { stdio: 'ignore' }).status === 0;
}

function download(packages) {
  // APT wants to drop its rights before it downloads, which the folder does not allow it.
  const args = ['-o', 'APT::Sandbox::User=root', '-qq', 'download', ...packages];
  return spawnSync('apt-get', args, { cwd: FOLDER, stdio: 'ignore' }).status === 0;
}

function updateLists() {
  return spawnSync('apt-get', ['-qq', 'update'], { stdio: 'ignore' }).status === 0;
}
