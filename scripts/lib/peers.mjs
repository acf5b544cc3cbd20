// The real programs that the tests talk to: Debian's Prometheus, promtool, node exporter, Alertmanager, blackbox
// exporter and ping, bubblewrap for the images, and rsyslog with the libraries that it needs. Their packages are unpacked into `.cache/peers`; nothing is installed, no
// service is started, and no rights are needed but those to fetch a package.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, say } from './workspace.mjs';

const PACKAGES = [
  'prometheus',
  'prometheus-node-exporter',
  'prometheus-alertmanager',
  'prometheus-blackbox-exporter',
  'iputils-ping',
  'bubblewrap',
  'rsyslog',
  'libestr0',
  'libfastjson4',
  'liblognorm5',
];
const FOLDER = join(root, '.cache', 'peers');
const STAMP = join(FOLDER, '.complete');

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
  if (!download() && !(updateLists() && download())) {
    say('the packages cannot be fetched: the tests that need real Prometheus programs are skipped');
    return null;
  }
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.deb'))) {
    const { status } = spawnSync('dpkg-deb', ['-x', join(FOLDER, file), join(FOLDER, 'root')], {
      stdio: 'inherit',
    });
    if (status !== 0) {
      say(`${file} cannot be unpacked: the tests that need real Prometheus programs are skipped`);
      return null;
    }
    rmSync(join(FOLDER, file));
  }
  writeFileSync(STAMP, PACKAGES.join(' '));
  return programs;
}

function hasProgram(name) {
  return spawnSync('which', [name], { stdio: 'ignore' }).status === 0;
}

function download() {
  // APT wants to drop its rights before it downloads, which the folder does not allow it.
  const args = ['-o', 'APT::Sandbox::User=root', '-qq', 'download', ...PACKAGES];
  return spawnSync('apt-get', args, { cwd: FOLDER, stdio: 'ignore' }).status === 0;
}

function updateLists() {
  return spawnSync('apt-get', ['-qq', 'update'], { stdio: 'ignore' }).status === 0;
}
