import { Agent, get } from 'node:http';
import type { Contender } from './contender.ts';

const agent = new Agent({ keepAlive: true });
const RELATIVE_TOLERANCE = 1e-9;

export interface TimedAnswer {
  /** From the request to the last byte of the answer. */
  readonly ms: number;
  readonly body: string;
}

/** One query. @throws Error for any answer but 200 */
export function timedGet(
  contender: Contender,
  path: string,
  parameters: Readonly<Record<string, string | number>>,
): Promise<TimedAnswer> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) search.set(name, String(value));
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const request = get(`${contender.url}${path}?${search.toString()}`, { agent }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.once('error', reject);
      response.once('end', () => {
        const ms = performance.now() - startedMs;
        const body = Buffer.concat(parts).toString();
        if (response.statusCode === 200) resolve({ ms, body });
        else reject(new Error(`${contender.name}: ${response.statusCode} ${body.slice(0, 500)}`));
      });
    });
    request.once('error', reject);
  });
}

/** Times of one query at both, and the CPU time that went into them, which other work on the machine changes less. */
export interface Duel {
  readonly ourMs: number[];
  readonly theirMs: number[];
  ourCpuSeconds: number;
  theirCpuSeconds: number;
  points: number;
}

/**
 * Asks both the same, in turns, and checks that they answer the same.
 * @param parametersOf what to ask in a round, the query included
 */
export async function duel(
  ours: Contender,
  theirs: Contender,
  path: string,
  rounds: number,
  parametersOf: () => Readonly<Record<string, string | number>>,
): Promise<Duel> {
  const result: Duel = { ourMs: [], theirMs: [], ourCpuSeconds: 0, theirCpuSeconds: 0, points: 0 };
  for (let round = 0; round < rounds; round++) {
    const parameters = parametersOf();
    const theirCpu = await theirs.cpuSeconds();
    const theirAnswer = await timedGet(theirs, path, parameters);
    result.theirCpuSeconds += (await theirs.cpuSeconds()) - theirCpu;
    const ourCpu = await ours.cpuSeconds();
    const ourAnswer = await timedGet(ours, path, parameters);
    result.ourCpuSeconds += (await ours.cpuSeconds()) - ourCpu;
    result.ourMs.push(ourAnswer.ms);
    result.theirMs.push(theirAnswer.ms);
    result.points = requireSameAnswer(
      String(parameters['query']),
      ourAnswer.body,
      theirAnswer.body,
    );
  }
  return result;
}

interface Answer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value?: readonly [number, string];
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

/** Checks that both gave the same answer; a fast answer that is wrong is worth nothing. @throws Error */
function requireSameAnswer(query: string, ours: string, theirs: string): number {
  const mine = pointsOf(ours);
  const other = pointsOf(theirs);
  if (mine.size !== other.size) {
    throw new Error(`${query}: ${mine.size} points, but Prometheus has ${other.size}`);
  }
  for (const [key, value] of mine) {
    const expected = other.get(key);
    if (expected === undefined) throw new Error(`${query}: Prometheus does not have ${key}`);
    if (!isClose(value, expected)) {
      throw new Error(`${query}: ${key} is ${value}, but with Prometheus it is ${expected}`);
    }
  }
  return mine.size;
}

function pointsOf(body: string): Map<string, number> {
  const points = new Map<string, number>();
  for (const { metric, value, values } of (JSON.parse(body) as Answer).data.result) {
    const key = JSON.stringify(Object.entries(metric).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    for (const [seconds, text] of values ?? [value!]) points.set(`${key} ${seconds}`, Number(text));
  }
  return points;
}

function isClose(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= RELATIVE_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}
