import { join } from 'node:path';
import type { SeenAlert } from '../kube/cluster/expected-alerts.ts';
import { eventually, type RunningProcess, startProcess } from './processes.ts';

const PROGRAM = join(import.meta.dirname, '..', 'kube', 'cluster', 'cluster-run.process.ts');
const QUIET = '--disable-warning=ExperimentalWarning';
const DEADLINE_MS = 600_000;
const HOUR_S = 3_600;
const STEP_S = 60;

/** What `cluster-run.process.ts` reports. */
export interface ClusterRun {
  readonly url: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly samples: number;
  readonly roundsMs: readonly number[];
  readonly falseAlerts: readonly Readonly<Record<string, string>>[];
  readonly alerts: readonly SeenAlert[];
  readonly failures: Readonly<Record<string, string>>;
}

type Labels = Readonly<Record<string, string>>;

interface ApiAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly unknown[] };
}

/** The engine as it is built, with what happened in a simulated cluster. Whoever starts it stops it. */
export class SimulatedClusterEngine {
  readonly run: ClusterRun;
  readonly #process: RunningProcess;

  private constructor(process: RunningProcess, run: ClusterRun) {
    this.#process = process;
    this.run = run;
  }

  /** Starts the programs and waits until the cluster has lived. It takes most of a minute. @param folder for their files */
  static async start(folder: string): Promise<SimulatedClusterEngine> {
    const running = startProcess(process.execPath, [QUIET, PROGRAM, folder]);
    const line = await eventually(
      'the simulated cluster to have lived',
      () => {
        if (running.child.exitCode !== null) return 'ended';
        return /^\{"url".*\}$/m.exec(running.output())?.[0] ?? null;
      },
      DEADLINE_MS,
    );
    if (line === 'ended') throw new Error(running.output());
    return new SimulatedClusterEngine(running, JSON.parse(line) as ClusterRun);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }

  /** Asks as a panel over the last hour does. @returns the labels of each series, or the engine's error */
  async series(query: string): Promise<readonly Labels[] | string> {
    const end = this.run.endMs / 1_000;
    const result = await this.#ask('query_range', {
      query,
      start: String(end - HOUR_S),
      end: String(end),
      step: String(STEP_S),
    });
    return typeof result === 'string'
      ? result
      : (result as { metric: Labels }[]).map(({ metric }) => metric);
  }

  /** The same. @returns how many series there are, or the engine's error */
  async range(query: string): Promise<number | string> {
    const series = await this.series(query);
    return typeof series === 'string' ? series : series.length;
  }

  /** Asks for the last moment. @returns how many series there are, or the engine's error */
  async instant(query: string): Promise<number | string> {
    const result = await this.#ask('query', { query, time: String(this.run.endMs / 1_000) });
    return typeof result === 'string' ? result : result.length;
  }

  /**
   * Asks as a panel of log lines over the last hour does.
   * @returns how many streams or series there are, or the engine's error
   */
  async lines(query: string): Promise<number | string> {
    const { endMs } = this.run;
    const body = new URLSearchParams({
      query,
      start: `${endMs - HOUR_S * 1_000}000000`,
      // The last line is at the very end.
      end: `${endMs + 1}000000`,
      step: String(STEP_S),
      limit: '500',
    });
    const response = await fetch(`${this.run.url}/loki/api/v1/query_range`, {
      method: 'POST',
      body,
      headers: { 'x-loki-response-encoding-flags': 'categorize-labels' },
    });
    const text = await response.text();
    if (response.status !== 200) return text;
    const { data } = JSON.parse(text) as ApiAnswer;
    return data === undefined ? text : data.result.length;
  }

  async #ask(
    path: string,
    form: Readonly<Record<string, string>>,
  ): Promise<readonly unknown[] | string> {
    const body = new URLSearchParams(form);
    const response = await fetch(`${this.run.url}/api/v1/${path}`, { method: 'POST', body });
    const { status, error, data } = (await response.json()) as ApiAnswer;
    return status === 'success' && data !== undefined ? data.result : String(error);
  }
}
