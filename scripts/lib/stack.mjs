// Starts the engine and the collector as two processes of this machine, as `npm start` and `npm run demo` do.
import { spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { PlainError, root, runtimePath } from './workspace.mjs';

const LARGEST_LOG_BYTES = 16 * 1024 * 1024;
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;

/** Memory that freed blocks take is kept for all threads together, not for each; docs/adr/0034 has the figures. */
const COLLECTOR_ENV = { MALLOC_ARENA_MAX: '1' };

/** One service process. Its log goes to a file; what it says on standard error before it ends is kept for the message. */
export class Service {
  constructor(name, { configFile, dataDir, logFile, port, env = {} }) {
    this.name = name;
    this.port = port;
    this.logFile = logFile;
    this.url = `http://127.0.0.1:${port}`;
    const entry = join(
      root,
      'dist',
      'apps',
      name === 'engine' ? 'alert-engine' : name,
      'src',
      'main.js',
    );
    const log = openLog(logFile);
    this.child = spawn(
      runtimePath(),
      [entry, '--config', configFile, '--data', dataDir, '--listen', `127.0.0.1:${port}`],
      // A process group of its own: a Ctrl-C in the terminal reaches only this script, which stops them in order.
      {
        stdio: ['ignore', log, 'pipe'],
        detached: true,
        env: { ...(name === 'collector' ? COLLECTOR_ENV : {}), ...process.env, ...env },
      },
    );
    closeSync(log);
    this.stderr = '';
    this.child.stderr.on('data', (chunk) => {
      this.stderr = (this.stderr + String(chunk)).slice(-8_192);
    });
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      this.child.once('close', (code, signal) => resolve(signal ?? code));
    });
    this.hasEnded = false;
    void this.ended.then(() => {
      this.hasEnded = true;
    });
    this.logWatch = setInterval(() => rotateLog(logFile), 60_000);
    this.logWatch.unref();
  }

  /** Resolves once the service says it is ready. */
  async waitUntilReady(onProgress) {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < deadline) {
      if (this.hasEnded) throw new PlainError(this.failure());
      const answer = await fetchText(`${this.url}/readyz`);
      if (answer?.status === 200) return;
      if (answer !== null)
        onProgress(
          answer.body
            .trim()
            .split('\n')
            .find((line) => line.startsWith('[-]')) ?? '',
        );
      await sleep(200);
    }
    throw new PlainError(
      `the ${this.name} was not ready within ${START_TIMEOUT_MS / 1000} s; its log is ${this.logFile}.`,
    );
  }

  failure() {
    const said = this.stderr.trim().replace(/^binnacle: /, '');
    return said === ''
      ? `the ${this.name} ended; its log is ${this.logFile}.`
      : `${this.name}: ${said}`;
  }

  async stop() {
    clearInterval(this.logWatch);
    if (this.hasEnded) return;
    this.child.kill('SIGTERM');
    const kill = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(kill);
  }
}

function openLog(file) {
  rotateLog(file);
  return openSync(file, 'a');
}

function rotateLog(file) {
  try {
    if (statSync(file).size < LARGEST_LOG_BYTES) return;
    // The service keeps its handle, so the file is copied and emptied rather than renamed.
    copyFileSync(file, `${file}.tmp`);
    renameSync(`${file}.tmp`, `${file}.1`);
    truncateSync(file);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

/**
 * Makes a folder and those above it. Node's own recursive mkdir never comes back where a file system such as /proc says of
 * every new folder that it is not there.
 */
function makeFolder(path) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (error.code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (error.code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeFolder(dirname(path));
    mkdirSync(path);
  }
}

/** Makes the folders of the local stack. @throws PlainError where that is not allowed */
export function makeDataFolders(dataDir) {
  for (const name of ['', 'engine', 'collector', 'log']) {
    try {
      makeFolder(join(dataDir, name));
      closeSync(openSync(join(dataDir, name, '.writable'), 'w'));
    } catch (error) {
      const reason = {
        EACCES: 'this user may not write there',
        EROFS: 'the file system is read-only',
        ENOTDIR: 'it is not a folder',
        EEXIST: 'it is not a folder',
        ENOSPC: 'the disk is full',
        ENOENT: 'the file system does not allow it',
      };
      throw new PlainError(
        `cannot use the data directory ${join(dataDir, name)}: ${reason[error.code] ?? error.message}; choose another with --data.`,
      );
    }
  }
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @returns status and body, or null where nothing answers */
export async function fetchText(url, options = {}) {
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(5_000),
      ...options,
    });
    return { status: response.status, body: await response.text() };
  } catch {
    return null;
  }
}

/** The result of an instant query at the engine: a list of `{metric, value}`, empty where it does not answer. */
export async function query(engineUrl, expr) {
  const answer = await fetchText(`${engineUrl}/api/v1/query?query=${encodeURIComponent(expr)}`);
  if (answer === null || answer.status !== 200) return [];
  const { data } = JSON.parse(answer.body);
  return data.resultType === 'vector' ? data.result : [];
}
