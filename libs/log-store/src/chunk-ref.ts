import type { DecodedChunk } from './decoded-chunk.ts';

/** From when to when the lines of a chunk are, and how much they are. */
export interface ChunkSpan {
  readonly minLow: number;
  readonly minHigh: number;
  readonly maxLow: number;
  readonly maxHigh: number;
  readonly count: number;
  /** Bytes of its lines. */
  readonly byteLength: number;
}

/** Told of chunks one by one; the span is valid during the call. */
export type ChunkVisitor = (streamId: number, span: ChunkSpan) => void;

/** A chunk that a reader may need, wherever it lies. */
export interface ChunkRef extends ChunkSpan {
  readonly streamId: number;
  /** Whether some line may contain all of the texts. */
  mayContain(needles: readonly Buffer[]): boolean | Promise<boolean>;
  /** @returns null where it is damaged or gone */
  load(): Promise<DecodedChunk | null>;
}
