import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseExpr, type Plan, QueryEngine } from '#libs/promql';
import { MemorySegmentStore } from '#libs/record-log';
import {
  compressBlock,
  uncompressBlock,
  wholeBatch,
  WriteEncoder,
  WriteV1Decoder,
} from '#libs/remote-write';
import { TimeSeriesStore } from '#libs/tsdb';
import { describeWithPeers } from '../support/peers.ts';
import { answerOf, answerOfBody, difference } from './answer.ts';
import { PeerPrometheus } from './peer-prometheus.ts';
import { BASE_MS, DATA_MS, randomData } from './random-data.ts';
import { randomQuery, type RandomQuery } from './random-query.ts';

/*
 * A real Prometheus 2.42 and our engine are asked the same. The data and the expressions stay clear of what later releases
 * changed on purpose: the left edge of windows; how far `rate` goes towards the zero of a counter beyond a gap; sums,
 * regressions and deviations of infinities; `atan2` keeping names; `count_values by` with a label out of order;
 * `predict_linear` with `@` in a range query; the order of checks when a comparison has two matches. Each is noted where the
 * generator or the comparison leaves it out. Calendar functions of NaN are left out because 2.42 answers with whatever the
 * processor makes of it.
 */

const RUNS = Number(process.env['DIFF_RUNS'] ?? 300);
const SEED = Number(process.env['DIFF_SEED'] ?? 20_261_121);
const DATA_SETS = 5;

describeWithPeers('random expressions over random data', ['prometheus'], ([program]) => {
  let prometheus: PeerPrometheus;
  const store = new TimeSeriesStore(new MemorySegmentStore(), {
    nowMs: () => BASE_MS + 2 * DATA_MS,
    after: () => () => undefined,
  });
  const engine = new QueryEngine({
    nowMs: () => performance.now(),
    yieldToLoop: () => new Promise((resolve) => setImmediate(resolve)),
    source: store,
  });

  beforeAll(async () => {
    prometheus = await PeerPrometheus.start(program!);
    await store.open();
    const encoder = new WriteEncoder('prometheus.WriteRequest');
    const decoder = new WriteV1Decoder();
    for (let set = 0; set < DATA_SETS; set++) {
      const message = compressBlock(encoder.encode([wholeBatch(randomData(set, SEED))]));
      await prometheus.write(Uint8Array.from(message));
      const decoded = decoder.decode(uncompressBlock(message, 1 << 26));
      const refused = decoded.firstRejection ?? store.append(decoded.batch).firstRejection;
      if (refused !== null) throw new Error('our store refuses a sample', { cause: refused });
    }
  });

  afterAll(async () => {
    await prometheus?.stop();
  });

  it(
    `give what Prometheus gives (${RUNS} of them)`,
    async () => {
      await fc.assert(
        fc.asyncProperty(randomQuery, fc.nat({ max: DATA_SETS - 1 }), async (query, set) => {
          expect(await differences(inSet(query, set))).toEqual([]);
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    300_000 + 1_000 * RUNS,
  );

  async function differences(query: RandomQuery): Promise<string[]> {
    const { text, startMs, stepMs, steps } = query;
    const endMs = startMs + (steps - 1) * stepMs;
    const own = text.replaceAll('holt_winters', 'double_exponential_smoothing');
    const plan = (): Plan => engine.prepare(parseExpr(own), own);
    const found = [
      difference(
        await answerOf(async () => plan().instant(startMs)),
        answerOfBody(await prometheus.ask('query', { query: text, time: String(startMs / 1_000) })),
        text.startsWith('sort'),
      ),
      difference(
        await answerOf(async () => plan().range(startMs, endMs, stepMs)),
        answerOfBody(
          await prometheus.ask('query_range', {
            query: text,
            start: String(startMs / 1_000),
            end: String(endMs / 1_000),
            step: String(stepMs / 1_000),
          }),
        ),
        false,
      ),
    ];
    return found.flatMap((what, i) =>
      what === null ? [] : [`${i === 0 ? 'instant' : 'range'} ${text}\n${what}`],
    );
  }
});

function inSet(query: RandomQuery, set: number): RandomQuery {
  return { ...query, text: query.text.replaceAll('#', String(set)) };
}
