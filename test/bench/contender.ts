import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  eventually,
  freePort,
  getText,
  type RunningProcess,
  startProcess,
} from '../support/processes.ts';

/** CPU time of a process is counted in these; Linux says 100 to a second to all programs. */
const TICKS_PER_SECOND = 100;
const READY_TIMEOUT_MS = 600_000;

/** How a store is started. */
export interface Launch {
  readonly name: 'binnacle' | 'prometheus';
  readonly program: string;
  readonly folder: string;
  /** Command line for a port, and the configuration with these rule files; both are written before the start. */
  readonly args: (port: number) => readonly string[];
  readonly configOf: (ruleFiles: readonly string[]) => Readonly<Record<string, unknown>>;
  readonly readyPath: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One of the two stores that are compared: a running process, and what can be read of it from outside. */
export class Contender {
  readonly name: 'binnacle' | 'prometheus';
  readonly #launch: Launch;
  #process: RunningProcess | null = null;
  #url = '';
  #ruleFiles: readonly string[] = [];
  #more: Readonly<Record<string, unknown>> = {};

  constructor(launch: Launch) {
    this.name = launch.name;
    this.#launch = launch;
  }

  get url(): string {
    return this.#url;
  }

  get writeUrl(): string {
    return `${this.#url}/api/v1/write`;
  }

  get dataDir(): string {
    return join(this.#launch.folder, 'data');
  }

  /** Starts it on the data that its folder holds. @returns seconds until it was ready */
  async start(): Promise<number> {
    const { folder, args, program, readyPath, env = {} } = this.#launch;
    await mkdir(this.dataDir, { recursive: true });
    await this.#writeConfig();
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    const startedMs = performance.now();
    const running = startProcess(program, args(port), { cwd: folder, env });
    this.#process = running;
    // Not even a harness that fails leaves a server behind.
    process.once('exit', () => running.child.kill('SIGKILL'));
    const failure = running.ended.then(
      (code) => new Error(`${this.name} ended with ${code}: ${running.output()}`),
      (error: unknown) => new Error(`${this.name} cannot be started`, { cause: error }),
    );
    let ended: Error | null = null;
    void failure.then((error) => (ended = error));
    const answer = await eventually(
      `${this.name} to be ready`,
      async () => {
        if (ended !== null) return ended;
        return getText(`${this.#url}${readyPath}`);
      },
      READY_TIMEOUT_MS,
    );
    if (answer instanceof Error) throw answer;
    return (performance.now() - startedMs) / 1_000;
  }

  async stop(): Promise<void> {
    await this.#process?.stop('SIGTERM');
    this.#process = null;
  }

  /** Takes a rule file into use, or none. */
  async useRules(yaml: string | null): Promise<void> {
    const file = join(this.#launch.folder, 'rules.yml');
    await writeFile(file, yaml ?? 'groups: []\n');
    this.#ruleFiles = [file];
    await this.#reload();
  }

  /** Adds keys to the configuration, with files beside it that they name. */
  async useConfig(
    keys: Readonly<Record<string, unknown>>,
    files: Readonly<Record<string, string>>,
  ): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(this.#launch.folder, name), text);
    }
    this.#more = { ...this.#more, ...keys };
    await this.#reload();
  }

  async #reload(): Promise<void> {
    await this.#writeConfig();
    const response = await fetch(`${this.#url}/-/reload`, { method: 'POST' });
    const text = await response.text();
    if (!response.ok) throw new Error(`${this.name} does not take its configuration: ${text}`);
  }

  /** User and system time since the start, in seconds. */
  async cpuSeconds(): Promise<number> {
    const text = await readFile(`/proc/${this.#pid}/stat`, 'utf8');
    // The program's name is in brackets and may hold blanks; user time is the 12th field after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  async residentBytes(): Promise<number> {
    const text = await readFile(`/proc/${this.#pid}/status`, 'utf8');
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1];
    return Number(kibibytes) * 1_024;
  }

  /** What its folder takes on disk. */
  async diskBytes(below = ''): Promise<number> {
    const entries = await readdir(join(this.dataDir, below), {
      recursive: true,
      withFileTypes: true,
    });
    let bytes = 0;
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      // Blocks, not length: Prometheus's files are made long before they are filled.
      const found = await stat(join(entry.parentPath, entry.name)).catch(() => null);
      bytes += (found?.blocks ?? 0) * 512;
    }
    return bytes;
  }

  /** The sum of all its own samples with that name, 0 where it has none. */
  async metric(name: string): Promise<number> {
    const text = (await getText(`${this.#url}/metrics`)) ?? '';
    let sum = 0;
    for (const line of text.split('\n')) {
      if (!line.startsWith(name)) continue;
      const next = line[name.length];
      if (next === ' ' || next === '{') sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    }
    return sum;
  }

  get #pid(): number {
    const pid = this.#process?.child.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  async #writeConfig(): Promise<void> {
    const { folder, configOf } = this.#launch;
    const config = { ...configOf(this.#ruleFiles), ...this.#more };
    // JSON is YAML.
    await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  }
}

export interface Programs {
  /** The engine's built main.js. */
  readonly engine: string;
  /** The collector's built main.js. */
  readonly collector: string;
  /** The real prometheus. */
  readonly prometheus: string;
}

/** Our engine, in a folder of its own below `folder`. @param nodeArgs for the runtime, such as --cpu-prof */
export function engineContender(
  { engine }: Programs,
  folder: string,
  nodeArgs: readonly string[] = [],
): Contender {
  const own = join(folder, 'binnacle');
  return new Contender({
    name: 'binnacle',
    program: process.execPath,
    folder: own,
    args: (port) => [
      ...nodeArgs,
      engine,
      '--config',
      join(own, 'config.yml'),
      '--data',
      join(own, 'data'),
      '--listen',
      `127.0.0.1:${port}`,
    ],
    configOf: (ruleFiles) => ({
      rule_files: ruleFiles,
      limits: { storage: { max_series: 2_000_000 } },
    }),
    readyPath: '/readyz',
  });
}

/** Debian's Prometheus, in a folder of its own below `folder`. */
export function prometheusContender({ prometheus }: Programs, folder: string): Contender {
  const own = join(folder, 'prometheus');
  return new Contender({
    name: 'prometheus',
    program: prometheus,
    folder: own,
    args: (port) => [
      `--config.file=${join(own, 'config.yml')}`,
      `--storage.tsdb.path=${join(own, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
      '--web.enable-lifecycle',
      '--log.level=warn',
    ],
    configOf: (ruleFiles) => ({
      global: { scrape_interval: '15s', evaluation_interval: '15s' },
      rule_files: ruleFiles,
    }),
    readyPath: '/-/ready',
  });
}

/** Our collector, with this configuration, in a folder of its own below `folder`. */
export function collectorContender(
  { collector }: Programs,
  folder: string,
  config: Readonly<Record<string, unknown>>,
  nodeArgs: readonly string[] = [],
): Contender {
  const own = join(folder, 'binnacle');
  return new Contender({
    name: 'binnacle',
    program: process.execPath,
    folder: own,
    args: (port) => [
      ...nodeArgs,
      collector,
      '--config',
      join(own, 'config.yml'),
      '--data',
      join(own, 'data'),
      '--listen',
      `127.0.0.1:${port}`,
    ],
    configOf: () => config,
    readyPath: '/readyz',
    env: COLLECTOR_ENV,
  });
}

/** Debian's Prometheus as an agent: it scrapes and sends, and neither stores nor answers queries. */
export function prometheusAgentContender(
  { prometheus }: Programs,
  folder: string,
  config: Readonly<Record<string, unknown>>,
): Contender {
  const own = join(folder, 'prometheus');
  return new Contender({
    name: 'prometheus',
    program: prometheus,
    folder: own,
    args: (port) => [
      `--config.file=${join(own, 'config.yml')}`,
      '--enable-feature=agent',
      `--storage.agent.path=${join(own, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    configOf: () => config,
    readyPath: '/-/ready',
  });
}

/** As in the image and wherever our own programs start it. */
export const COLLECTOR_ENV: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' };
