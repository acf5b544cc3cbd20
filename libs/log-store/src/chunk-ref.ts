import type { DecodedChunk } from './decoded-chunk.ts';

/** A chunk that a reader may need, wherever it lies. */
export interface ChunkRef {
  readonly streamId: number;
  readonly minLow: number;
  readonly minHigh: number;
  readonly maxLow: number;
  readonly maxHigh: number;
  readonly count: number;
  /** Bytes of its lines. */
  readonly byteLength: number;
  /** Whether some line may contain all of the texts. */
  mayContain(needles: readonly Buffer[]): boolean | Promise<boolean>;
  /** @returns null where it is damaged or gone */
  load(): Promise<DecodedChunk | null>;
}
