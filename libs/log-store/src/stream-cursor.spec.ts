import { describe, expect, it } from '@jest/globals';
import { ByteWriter } from '#libs/block-files';
import { Labels } from '#libs/labels';
import type { ChunkRef } from './chunk-ref.ts';
import { ColumnBatch } from './decoded-chunk.ts';
import { writeMetadata } from './line-metadata.ts';
import { MAX_TIME_NS, Nanos } from './nanos.ts';
import { OpenChunk } from './open-chunk.ts';
import { rangeOf } from './overlaps.ts';
import { SealedChunk } from './sealed-chunk.ts';
import { StreamCursor } from './stream-cursor.ts';

const CHUNKS = 150;
const LINES = 300;
const STEP_NS = 1_000n;

/** A chunk whose lines come every `CHUNKS` steps, so that it overlaps all others. */
function chunkFrom(first: number): SealedChunk {
  const open = new OpenChunk();
  const time = new Nanos();
  const metadata = new ByteWriter();
  writeMetadata(metadata, new Map([['chunk', `${first}`]]));
  for (let i = 0; i < LINES; i++) {
    const number = first + i * CHUNKS;
    time.setClamped(BigInt(number) * STEP_NS);
    const bytes = Buffer.from(`${number} ${'x'.repeat(60)}`);
    open.append(time.low, time.high, bytes, 0, bytes.length, metadata.view(), 0, metadata.length);
  }
  return new SealedChunk(0, open);
}

interface Found {
  readonly numbers: number[];
  readonly chunks: number[];
  readonly mostLoads: number;
}

async function readAll(direction: string, options: Partial<{ parts: number }>): Promise<Found> {
  const loads = new Map<number, number>();
  const refs = Array.from({ length: CHUNKS }, (_, i): ChunkRef => {
    const chunk = chunkFrom(i);
    const { minLow, minHigh, maxLow, maxHigh, count, byteLength } = chunk;
    return {
      streamId: 0,
      minLow,
      minHigh,
      maxLow,
      maxHigh,
      count,
      byteLength,
      mayContain: () => true,
      load: () => {
        loads.set(i, (loads.get(i) ?? 0) + 1);
        return chunk.load();
      },
    };
  });
  const range = { ...rangeOf(0n, MAX_TIME_NS), isForward: direction === 'forward' };
  const cursor = new StreamCursor(0, refs, range, [], undefined, options.parts);
  const numbers: number[] = [];
  const chunks: number[] = [];
  for (;;) {
    await cursor.activate();
    const lines = await cursor.take();
    if (lines === null) break;
    const batch = new ColumnBatch({ id: 0, labels: Labels.EMPTY }, lines);
    for (let i = 0; i < batch.count; i++) {
      numbers.push(
        Number.parseInt(batch.bytes.toString('latin1', batch.starts[i], batch.ends[i]), 10),
      );
      chunks.push(Number(batch.metadataOf(i)?.get('chunk')));
    }
  }
  return { numbers, chunks, mostLoads: Math.max(...loads.values()) };
}

describe('StreamCursor', () => {
  it.each(['forward', 'backward'])(
    'reads any number of chunks that overlap %s, each of them in parts',
    async (direction) => {
      const expected = Array.from({ length: CHUNKS * LINES }, (_, i) => i);
      if (direction === 'backward') expected.reverse();
      const inParts = await readAll(direction, { parts: 1 });
      expect(inParts.numbers.join()).toBe(expected.join());
      expect(inParts.chunks.join()).toBe(expected.map((number) => number % CHUNKS).join());
      expect(inParts.mostLoads).toBeGreaterThan(2);
      const whole = await readAll(direction, {});
      expect(whole.numbers.join()).toBe(expected.join());
      expect(whole.mostLoads).toBe(1);
    },
    60_000,
  );
});
