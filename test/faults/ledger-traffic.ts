import { setTimeout as sleep } from 'node:timers/promises';
import { Labels } from '#libs/labels';
import { compressBlock, wholeBatch, WriteEncoder } from '#libs/remote-write';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { eventually, getText } from '../support/processes.ts';
import type { Engine } from './faulty-engine.ts';
import type { SampleLedger, SeriesSamples } from './sample-ledger.ts';

/** The metric that all series of a ledger belong to. */
export const METRIC = 'fault_samples';
export const WRITERS: readonly string[] = ['w0', 'w1', 'w2', 'w3'];

export function batchOf(
  series: string,
  samples: readonly (readonly [timeMs: number, value: number])[],
): SampleBatch {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: METRIC, series }));
  for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  return builder.take();
}

/** Sends one write request. @returns null where there was no answer */
function send(
  { url }: Engine,
  series: string,
  samples: readonly (readonly [timeMs: number, value: number])[],
  signal?: AbortSignal,
): Promise<Response | null> {
  const encoder = new WriteEncoder('prometheus.WriteRequest');
  const body = compressBlock(encoder.encode([wholeBatch(batchOf(series, samples))]));
  return fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
    body: new Uint8Array(body),
    signal: signal ?? null,
  }).catch(() => null);
}

/** Writers that send until they are told to stop or get no answer. */
export interface Traffic {
  /** Answers 503 so far. */
  readonly refusals: () => number;
  /** How many answers 503 did not say when to try again; none should. */
  readonly refusalsWithoutDelay: () => number;
  /** Answers 400 so far: samples that are refused for good. */
  readonly rejections: () => number;
  /** No request begins after this; those under way are waited for. */
  stop(): Promise<void>;
  /** Resolves when all have ended: the engine is gone. */
  readonly ended: Promise<void>;
}

export interface TrafficOptions {
  readonly samplesPerRequest?: number;
  /** Samples from later than this are not sent yet. */
  readonly untilMs?: () => number;
  readonly pauseMs?: number;
  readonly series?: readonly string[];
  /** Whether samples may be refused for good, which is an error otherwise. */
  readonly mayReject?: boolean;
}

/** Sends one request after the other for each series, and books what is acknowledged. */
export function startTraffic(
  engine: Engine,
  ledger: SampleLedger,
  {
    samplesPerRequest = 20,
    untilMs = () => Infinity,
    pauseMs = 0,
    series: names = WRITERS,
    mayReject = false,
  }: TrafficOptions = {},
): Traffic {
  const stopped = new AbortController();
  let refusals = 0;
  let refusalsWithoutDelay = 0;
  let rejections = 0;
  const write = async (series: string): Promise<void> => {
    while (!stopped.signal.aborted) {
      if (pauseMs > 0 || ledger.nextTimeOf(series) > untilMs()) await sleep(Math.max(pauseMs, 5));
      if (ledger.nextTimeOf(series) > untilMs()) continue;
      const samples = ledger.issue(series, samplesPerRequest);
      // What was refused is sent again, as a sender does.
      for (;;) {
        const response = await send(engine, series, samples);
        if (response === null) return;
        if (response.status === 204) {
          ledger.acknowledge(series, samples);
          break;
        }
        const text = await response.text();
        if (mayReject && response.status === 400) {
          rejections++;
          break;
        }
        if (response.status !== 503) throw new Error(`${response.status} ${text}`);
        refusals++;
        if (response.headers.get('retry-after') === null) refusalsWithoutDelay++;
        if (stopped.signal.aborted) return;
        await sleep(20);
      }
    }
  };
  const ended = Promise.all(names.map(write)).then(() => undefined);
  // Whoever waits for the end is told of a failure; it is not lost before.
  ended.catch(() => undefined);
  return {
    refusals: () => refusals,
    refusalsWithoutDelay: () => refusalsWithoutDelay,
    rejections: () => rejections,
    stop: () => {
      stopped.abort();
      return ended;
    },
    ended,
  };
}

/**
 * Waits until so many more samples are acknowledged.
 * @param by those who send them: what ends them is told, and not that the time is over
 */
export async function untilAcknowledged(
  ledger: SampleLedger,
  count: number,
  by: Pick<Traffic, 'ended'> | null = null,
): Promise<void> {
  const before = ledger.acknowledgedCount;
  const acknowledged = eventually(`${count} samples to be acknowledged`, () =>
    ledger.acknowledgedCount >= before + count ? true : null,
  );
  const ended = by?.ended.then(() => {
    throw new Error(`the writers have ended before ${count} samples were acknowledged`);
  });
  await Promise.race([acknowledged, ...(ended === undefined ? [] : [ended])]);
}

interface MatrixAnswer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [seconds: number, value: string])[];
    }[];
  };
}

/** Everything of a ledger's metric that an engine has, up to a time. */
export async function readBack(
  { url }: Engine,
  range = '1h',
  // The youngest samples may be ahead of the clock, since their times are counted and not read.
  timeMs = Date.now() + 600_000,
): Promise<Map<string, SeriesSamples>> {
  const query = encodeURIComponent(`${METRIC}[${range}]`);
  const text = await eventually('an answer', () =>
    getText(`${url}/api/v1/query?query=${query}&time=${timeMs / 1000}`),
  );
  const found = new Map<string, SeriesSamples>();
  for (const { metric, values } of (JSON.parse(text) as MatrixAnswer).data.result) {
    const samples = values.map(([seconds, value]): [number, number] => [
      Math.round(seconds * 1000),
      Number(value),
    ]);
    found.set(metric['series']!, new Map(samples));
  }
  return found;
}
