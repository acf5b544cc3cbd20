import type { Spool, SpoolItem, SpoolRead } from '#libs/spool';
import type { PackedSamples } from './metric-transport.ts';

/** Wire and time of the youngest sample. */
const HEADER_BYTES = 9;

/** A request that waits on disk. */
export interface SpooledRequest extends PackedSamples {
  readonly samples: number;
  /** Of its youngest sample. */
  readonly timeMs: number;
  /** To be acknowledged when it has arrived, or is given up. */
  readonly read: SpoolRead;
}

/** Keeps requests on disk as they are to be sent, in their order. */
export class MetricSpool {
  readonly #spool: Spool;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  get store(): Spool {
    return this.#spool;
  }

  get isEmpty(): boolean {
    return this.#spool.isEmpty;
  }

  /** Resolved when it would survive a power cut, or was dropped and counted because there is no room. */
  append(packed: PackedSamples, about: { samples: number; timeMs: number }): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = packed.wire;
    header.writeDoubleLE(about.timeMs, 1);
    const item: SpoolItem = {
      bytes: Buffer.concat([header, packed.body]),
      count: about.samples,
    };
    return this.#spool.append([item]);
  }

  /** The oldest request, without taking it out. */
  async next(): Promise<SpooledRequest | null> {
    const read = await this.#spool.next(1);
    const item = read?.items[0];
    if (read === null || item === undefined) return null;
    const { bytes, count: samples } = item;
    return {
      wire: bytes[0] ?? 0,
      body: bytes.subarray(HEADER_BYTES),
      timeMs: bytes.length < HEADER_BYTES ? 0 : bytes.readDoubleLE(1),
      samples,
      read,
    };
  }

  /** It is not needed any more. */
  done({ read }: SpooledRequest): Promise<void> {
    return this.#spool.acknowledge(read);
  }
}
