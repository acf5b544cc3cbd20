import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { type LogBatch, parseLogql } from '#libs/logql';
import { untilPasses } from '../../../../../test/support/processes.ts';
import type { EngineLogs } from '../store/engine-logs.ts';
import { Tail } from './tail.ts';
import type { TailSocket } from './tail-socket.ts';

const CHUNK = Buffer.alloc(1_024 * 1_024, 'x');

/** The last line of a chunk of a megabyte, as it comes when it was taken. */
function lastLineOf(stream: number): LogBatch {
  return {
    stream: { id: stream, labels: Labels.fromRecord({ pod: `p${stream}` }) },
    count: 1,
    timesNs: BigInt64Array.of(1n),
    bytes: CHUNK,
    starts: Uint32Array.of(CHUNK.length - 10),
    ends: Uint32Array.of(CHUNK.length),
    metadataOf: () => null,
  };
}

const nobody = (): void => {};

describe('a client that follows lines', () => {
  it('gets one line each of many streams that come at once', async () => {
    let listener: (batch: LogBatch) => void = nobody;
    const logs = {
      subscribe: (_matchers: unknown, onBatch: typeof listener) => {
        listener = onBatch;
        return nobody;
      },
    };
    const sent: string[] = [];
    const socket = { isOpen: true, pendingBytes: 0, send: (text: string) => sent.push(text) };
    const expr = parseLogql('{pod=~".+"}');
    if (expr.kind !== 'log') throw new Error('no log query');
    let leftOut = 0;
    const tail = new Tail(logs as unknown as EngineLogs, expr, socket as unknown as TailSocket, {
      nowMs: 0,
      onLeftOut: (lines) => {
        leftOut += lines;
      },
    });
    await tail.start(async () => []);
    for (let stream = 0; stream < 50; stream++) listener(lastLineOf(stream));
    await untilPasses(async () => expect(sent).toHaveLength(50), 15_000);
    expect(leftOut).toBe(0);
  });
});
