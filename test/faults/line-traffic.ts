import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/processes.ts';
import type { Engine } from './faulty-engine.ts';

const WRITERS = ['w0', 'w1', 'w2'] as const;
const LINES_PER_PUSH = 5;
const PAUSE_MS = 20;
/** More than a test writes of one stream. */
const MOST_LINES = 100_000;

/** What an engine is told so that all lines of a stream can be read at once. */
export const READS_ALL_LINES = `limits: {log_query: {max_entries: ${MOST_LINES}}}\n`;

/** Lines that were sent, and those of them that were acknowledged. */
export class LineLedger {
  readonly #sent = new Set<string>();
  readonly #acknowledged = new Set<string>();
  #next = 0;

  /** Lines that were not sent before. */
  take(count: number): string[] {
    const lines = Array.from({ length: count }, () => `line ${this.#next++}`);
    for (const line of lines) this.#sent.add(line);
    return lines;
  }

  acknowledge(lines: readonly string[]): void {
    for (const line of lines) this.#acknowledged.add(line);
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  /** What is owed at this moment. */
  snapshot(): LineLedger {
    const copy = new LineLedger();
    for (const line of this.#sent) copy.#sent.add(line);
    for (const line of this.#acknowledged) copy.#acknowledged.add(line);
    return copy;
  }

  /** What is wrong with the lines that were found. */
  audit(found: readonly string[]): LineAudit {
    const known = new Set(found);
    return {
      lost: [...this.#acknowledged].filter((line) => !known.has(line)),
      invented: found.filter((line) => !this.#sent.has(line)),
      repeated: found.length - known.size,
    };
  }
}

export interface LineAudit {
  readonly lost: readonly string[];
  readonly invented: readonly string[];
  readonly repeated: number;
}

export const NOTHING_WRONG: LineAudit = { lost: [], invented: [], repeated: 0 };

/** Writers of lines that go on until they are told to stop or get no answer. */
export interface LineTraffic {
  /** Answers 503 so far. */
  readonly refusals: () => number;
  /** How many of these did not say when to try again; none should. */
  readonly refusalsWithoutDelay: () => number;
  stop(): Promise<void>;
}

/** Pushes lines of a few streams; what is refused is sent again, as a sender does. */
export function startLineTraffic({ url }: Engine, ledger: LineLedger): LineTraffic {
  const stopped = new AbortController();
  let refusals = 0;
  let refusalsWithoutDelay = 0;
  const write = async (writer: string): Promise<void> => {
    while (!stopped.signal.aborted) {
      const lines = ledger.take(LINES_PER_PUSH);
      const values = lines.map((line) => [`${Date.now()}000000`, line]);
      const body = JSON.stringify({ streams: [{ stream: { writer }, values }] });
      const headers = { 'content-type': 'application/json' };
      for (;;) {
        const pushed = fetch(`${url}/loki/api/v1/push`, { method: 'POST', headers, body });
        const response = await pushed.catch(() => null);
        if (response === null) return;
        await response.arrayBuffer();
        if (response.status === 204) {
          ledger.acknowledge(lines);
          break;
        }
        if (response.status !== 503) throw new Error(`status ${response.status}`);
        refusals++;
        if (!response.headers.has('retry-after')) refusalsWithoutDelay++;
        if (stopped.signal.aborted) return;
        await sleep(PAUSE_MS);
      }
      await sleep(PAUSE_MS);
    }
  };
  const writers = Promise.all(WRITERS.map(write));
  return {
    refusals: () => refusals,
    refusalsWithoutDelay: () => refusalsWithoutDelay,
    stop: async () => {
      stopped.abort();
      await writers;
    },
  };
}

export async function untilLinesAcknowledged(ledger: LineLedger, more: number): Promise<void> {
  const before = ledger.acknowledgedCount;
  await eventually('lines to be taken', () =>
    ledger.acknowledgedCount >= before + more ? true : null,
  );
}

/** All lines that an engine has, which was started with {@link READS_ALL_LINES}. */
export async function readLinesBack({ url }: Engine): Promise<string[]> {
  const found: string[] = [];
  for (const writer of WRITERS) {
    const query = new URLSearchParams({
      query: `{writer="${writer}"}`,
      limit: String(MOST_LINES),
      start: String(Math.floor(Date.now() / 1_000) - 3_600),
      end: String(Math.floor(Date.now() / 1_000) + 3_600),
    });
    const body = await eventually('lines to be read', async () => {
      const response = await fetch(`${url}/loki/api/v1/query_range?${query.toString()}`);
      const text = await response.text();
      if (response.status === 503) return null;
      if (response.status !== 200) throw new Error(`status ${response.status}: ${text}`);
      return text;
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Loki's form
    const { data } = JSON.parse(body) as { data: { result: { values: [string, string][] }[] } };
    for (const { values } of data.result) for (const [, line] of values) found.push(line);
  }
  return found;
}
