import { MemorySegmentStore } from '#libs/record-log';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { StoreUnavailableError, TimeSeriesStore } from '#libs/tsdb';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { Simulation } from './simulation.ts';

const MAX_BODY_BYTES = 1024 * 1024;

/** What the engine's process runs; a crash takes it away and a start makes it anew from what is on disk. */
export interface EngineProcess {
  readonly store: TimeSeriesStore;
  /** Takes away every timer of the process. */
  kill(): void;
}

/** The alert engine's engines in simulated time, on a disk that obeys no one. */
export class SimulatedEngine {
  readonly #sim: Simulation;
  readonly #onStart: (store: TimeSeriesStore) => () => void;
  #disk = new MemorySegmentStore();
  #process: EngineProcess | null = null;
  crashes = 0;

  /** @param onStart runs what else belongs to the process; it returns what stops that at a crash */
  constructor(
    sim: Simulation,
    network: SimulatedNetwork,
    onStart: (store: TimeSeriesStore) => () => void = () => () => {},
  ) {
    this.#sim = sim;
    this.#onStart = onStart;
    network.connect((body) => this.#receive(body));
  }

  get disk(): MemorySegmentStore {
    return this.#disk;
  }

  get store(): TimeSeriesStore | null {
    return this.#process?.store ?? null;
  }

  async start(): Promise<void> {
    let isKilled = false;
    const timer = {
      nowMs: this.#sim.nowMs,
      after: (delayMs: number, run: () => void) =>
        this.#sim.after(delayMs, () => {
          if (!isKilled) run();
        }),
    };
    // Small segments, so that a run fills several.
    const store = new TimeSeriesStore(this.#disk, timer, { segmentBytes: 4_096 });
    const report = await store.open();
    this.#sim.note(
      `engine: started with ${report.samples} samples from ${report.segments} segments, ` +
        `${report.tornBytes} torn bytes`,
    );
    const stop = this.#onStart(store);
    this.#process = {
      store,
      kill() {
        isKilled = true;
        stop();
      },
    };
  }

  /** Ends the process as a power cut does, and starts it again later. */
  crash(downMs: number): void {
    if (this.#process === null) return;
    this.crashes++;
    this.#process.kill();
    this.#process = null;
    const { random } = this.#sim;
    this.#disk = this.#disk.powerCut((unsynced) => random.between(0, unsynced));
    this.#sim.note(`engine: power cut, down for ${downMs} ms`);
    this.#sim.after(downMs, () => this.start());
  }

  #receive(body: Buffer): Promise<number> | null {
    const engine = this.#process;
    return engine === null ? null : this.#write(engine.store, body);
  }

  async #write(store: TimeSeriesStore, body: Buffer): Promise<number> {
    const decoder = new WriteV1Decoder();
    const { batch } = decoder.decode(uncompressBlock(body, MAX_BODY_BYTES));
    try {
      const { position, rejectedTotal, firstRejection } = store.append(batch);
      await store.committed(position);
      if (rejectedTotal > 0) {
        this.#sim.note(`engine: rejected ${rejectedTotal}: ${firstRejection?.reason}`);
        return 400;
      }
      return 204;
    } catch (error) {
      if (error instanceof StoreUnavailableError) return 503;
      return 500;
    }
  }
}
