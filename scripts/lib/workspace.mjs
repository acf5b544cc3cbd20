// What every script needs first: dependencies installed, sources built, and the pinned runtime found. Runs on any
// Node.js from 20 up, before anything is installed, so it imports nothing but Node itself.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const OLDEST_RUNTIME = [24, 15];
const INSTALL_STAMP = join(root, 'node_modules', '.binnacle-install');
const BUILD_STAMP = '.binnacle-build';
const PACKER = join('scripts', 'pack.mjs');

/** A failure whose message is all the user needs to read. */
export class PlainError extends Error {}

/** Runs a script's main function; a PlainError becomes one sentence and exit code 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    process.stderr.write(`binnacle: ${error.message}\n`);
    process.exitCode = 1;
  }
}

export function say(text) {
  process.stderr.write(`binnacle: ${text}\n`);
}

/** The Node.js that the project runs on: the one pinned in package.json, or this one where it is new enough. */
export function runtimePath() {
  const require = createRequire(join(root, 'package.json'));
  try {
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    const binary = join(dirname(manifest), 'bin', 'node');
    if (existsSync(binary)) return binary;
  } catch {
    // No pinned runtime exists for this platform; this process may serve.
  }
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_RUNTIME[0] || (major === OLDEST_RUNTIME[0] && minor >= OLDEST_RUNTIME[1])) {
    return process.execPath;
  }
  throw new PlainError(
    `there is no pinned Node.js runtime for ${process.platform}-${process.arch}; ` +
      `run this with Node.js ${OLDEST_RUNTIME.join('.')} or newer (this is ${process.versions.node}).`,
  );
}

/** Runs a program to its end. @returns its exit code, 128 + n for a signal */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

/** Runs a program of node_modules under the pinned runtime. */
export function runTool(entry, args, options = {}) {
  return run(runtimePath(), [join(root, 'node_modules', entry), ...args], options);
}

/** Installs the locked dependencies unless they are there already; takes seconds the second time. */
export async function ensureInstalled() {
  const wanted = fingerprintOf([join(root, 'package-lock.json')]);
  if (readStamp(INSTALL_STAMP) === wanted) return;
  say('installing dependencies (once; a minute or less) …');
  const startMs = Date.now();
  const { code, output } = await captureNpm([
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  if (code !== 0) throw new PlainError(installFailure(output));
  writeFileSync(INSTALL_STAMP, wanted);
  say(`dependencies installed in ${seconds(startMs)} s`);
}

/** Compiles the sources to `dist`, and packs the collector there, unless that is done already. */
export async function ensureBuilt() {
  const wanted = fingerprintOf(sourceFiles());
  if (readStamp(join(root, 'dist', BUILD_STAMP)) === wanted) return;
  say('building …');
  const startMs = Date.now();
  // Built beside the old one and then put in its place, so that there is never half a build.
  const fresh = join(root, `dist.${process.pid}`);
  try {
    const args = ['-p', 'tsconfig.build.json', '--outDir', fresh];
    const code = await runTool('@typescript/native/bin/tsc', args);
    if (code !== 0) throw new PlainError('the build failed; the compiler says why above.');
    if ((await run(runtimePath(), [join(root, PACKER), fresh])) !== 0) {
      throw new PlainError('the collector could not be packed; it says why above.');
    }
    writeFileSync(join(fresh, BUILD_STAMP), wanted);
    rmSync(join(root, 'dist'), { recursive: true, force: true });
    renameSync(fresh, join(root, 'dist'));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  say(`built in ${seconds(startMs)} s`);
}

function seconds(startMs) {
  return ((Date.now() - startMs) / 1000).toFixed(1);
}

function captureNpm(args) {
  const cli = process.env.npm_execpath;
  const [command, prefix] = cli?.endsWith('.js') ? [process.execPath, [cli]] : ['npm', []];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...prefix, ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'pipe'],
      env: { ...process.env, NODE_ENV: '' },
    });
    let output = '';
    child.stderr.on('data', (chunk) => {
      output = (output + String(chunk)).slice(-16_384);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

function installFailure(output) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network/i.test(output)) {
    return 'npm could not reach its package registry, so the dependencies could not be installed; check the network and run this again.';
  }
  const last = output.trim().split('\n').slice(0, 6).join('\n');
  return `the dependencies could not be installed; npm said:\n${last}`;
}

function readStamp(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function sourceFiles() {
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', PACKER].map((name) =>
    join(root, name),
  );
  for (const folder of ['apps', 'libs']) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.spec.ts'))
        continue;
      files.push(join(entry.parentPath ?? entry.path, entry.name));
    }
  }
  return files.toSorted();
}

function fingerprintOf(files) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`);
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}
