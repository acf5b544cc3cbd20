import { SimulatedContainer, SimulatedLogPath } from './simulated-log-path.ts';
import { Simulation } from './simulation.ts';

const MINUTE_MS = 60_000;
const OUTAGE_MS = 60 * MINUTE_MS;
const CONTAINERS = 3;
const ROTATE_BYTES = 20_000;
/** How many times the collector may be killed while the sink is away. */
const MAX_KILLS = 4;

export interface OutageOptions {
  readonly seed: number;
  readonly spoolBytes: number;
  readonly hasSpool?: boolean;
  readonly isKilled: boolean;
}

export interface OutageResult {
  readonly log: readonly string[];
  readonly written: number;
  /** Of what was written while the sink was away. */
  readonly writtenAway: number;
  readonly dropped: number;
  /** By container, the numbers of its lines in the order they first arrived. */
  readonly arrived: ReadonlyMap<string, readonly number[]>;
  readonly acknowledged: number;
  /** Lines that arrived more than once. */
  readonly doubled: number;
  readonly isDrained: boolean;
  readonly path: SimulatedLogPath;
}

/** Containers log while the sink is there, away for an hour, and back until everything has arrived. */
export async function runOutage(options: OutageOptions): Promise<OutageResult> {
  const sim = new Simulation(options.seed);
  const path = new SimulatedLogPath(sim, { hasSpool: true, ...options });
  const containers = Array.from(
    { length: CONTAINERS },
    (_, i) => new SimulatedContainer(`c${i}`, path.files, ROTATE_BYTES),
  );
  const written = (): number => containers.reduce((sum, { lines }) => sum + lines, 0);
  const awayMs = sim.nowMs() + 2 * MINUTE_MS + sim.random.between(0, 5_000);
  const backMs = awayMs + OUTAGE_MS;
  const endMs = backMs + 2 * MINUTE_MS;
  for (const container of containers) {
    const write = (): void => {
      container.write(sim.random.between(0, 20));
      const pauseMs = sim.random.between(100, 6_000);
      if (sim.nowMs() + pauseMs < endMs) sim.after(pauseMs, write);
    };
    write();
  }
  if (options.isKilled) {
    for (let i = sim.random.between(1, MAX_KILLS); i > 0; i--) {
      sim.after(awayMs - sim.nowMs() + sim.random.between(0, OUTAGE_MS), async () => {
        sim.note('killed');
        await path.kill();
        path.start();
      });
    }
  }
  path.start();
  await sim.runUntil(awayMs);
  path.sink.isAway = true;
  const before = written();
  await sim.runUntil(backMs);
  path.sink.isAway = false;
  const writtenAway = written() - before;
  // Rotated files are kept open for a while, and backing off may have come to half a minute.
  await sim.runUntil(endMs + 5 * MINUTE_MS);
  const { sink } = path;
  const arrived = new Map<string, number[]>(containers.map(({ name }) => [name, []]));
  for (const message of sink.arrived.keys()) {
    const [name, number] = message.split(' ') as [string, string];
    arrived.get(name)!.push(Number(number));
  }
  return {
    log: sim.log,
    written: written(),
    writtenAway,
    dropped: path.dropped,
    arrived,
    acknowledged: sink.acknowledged.size,
    doubled: [...sink.arrived.values()].filter((times) => times > 1).length,
    isDrained: path.isIdle,
    path,
  };
}
