import type { Silence } from '#libs/dispatch';
import { SampleOracle } from './sample-oracle.ts';
import { AlertingDisk, type AlertingProcess, runAlerting } from './simulated-alerting.ts';
import { SimulatedCollector } from './simulated-collector.ts';
import { SimulatedEngine } from './simulated-engine.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { SimulatedPeople } from './simulated-people.ts';
import { SimulatedReceiver } from './simulated-receiver.ts';
import { type Outage, SimulatedTarget } from './simulated-target.ts';
import { Simulation } from './simulation.ts';

export interface ScenarioOptions {
  readonly seed: number;
  /** Switches a protection off, to show that the oracle notices. */
  readonly sabotage?:
    'disk-ignores-sync' | 'dispatch-log-forgets' | 'silences-are-forgotten' | null;
}

export interface ScenarioResult {
  readonly violations: readonly string[];
  readonly log: readonly string[];
  readonly acknowledgedSamples: number;
  readonly crashes: number;
  /** What the receiver was told, in order: `firing`, `resolved`. */
  readonly announced: readonly string[];
  /** How many silences people made. */
  readonly silences: number;
}

const FAULTY_MS = 180_000;
const QUIET_MS = 60_000;
/** `for` of the rule, and the wait for the next scrape and the next evaluation. */
const MUST_BE_NOTICED_MS = 21_000;
/** From the moment a silence was asked for until it is on disk. */
const IN_FORCE_MS = 10;

/**
 * Three minutes of a collector and an engine with faults of network, disk, target and process, and a minute in which
 * everything comes to rest; then the books are checked. The same seed gives the same run.
 */
export async function runScenario({
  seed,
  sabotage = null,
}: ScenarioOptions): Promise<ScenarioResult> {
  const sim = new Simulation(seed);
  const { random } = sim;
  const oracle = new SampleOracle();
  // Some seeds have a hard time, some hardly any trouble, and one in eight none at all.
  const severity = random.chance(0.125) ? 0 : random.next();
  const network = new SimulatedNetwork(sim, {
    lostRequests: 0.2 * severity,
    lostAnswers: 0.2 * severity,
    repeatedRequests: 0.2 * severity,
  });
  const target = new SimulatedTarget(sim, outages(sim), 0.1 * severity);
  const receiver = new SimulatedReceiver(sim, 0.3 * severity);
  const alertingDisk = new AlertingDisk();
  let alerting: AlertingProcess | null = null;
  const engine = new SimulatedEngine(sim, network, (store) => {
    if (sabotage === 'dispatch-log-forgets') alertingDisk.dispatchLog.length = 0;
    if (sabotage === 'silences-are-forgotten') alertingDisk.silences.clear();
    const process = runAlerting(sim, { store, disk: alertingDisk, receiver });
    alerting = process;
    return () => {
      process.kill();
      alerting = null;
    };
  });
  const people = new SimulatedPeople(sim, seed, () => alerting);
  const collector = new SimulatedCollector(sim, {
    target,
    network,
    onScraped: (batch) => oracle.scraped(batch),
    onAcknowledged: (slices) => oracle.acknowledged(slices),
  });
  const startMs = sim.nowMs();
  await engine.start();
  if (sabotage === 'disk-ignores-sync') engine.disk.faults.ignoresSync = true;
  collector.start();
  people.start(FAULTY_MS);
  scheduleFaults(sim, engine, severity);
  await sim.runUntil(startMs + FAULTY_MS);
  calmDown(engine);
  collector.stop();
  if (sabotage === 'disk-ignores-sync') engine.crash(10);
  await sim.runUntil(startMs + FAULTY_MS + QUIET_MS);

  const { store } = engine;
  const violations =
    store === null ? ['the engine is down'] : oracle.violations(store, sim.nowMs());
  const { queuedSamples, droppedSamples } = collector.counts;
  const dropped = Object.values(droppedSamples).reduce((sum, count) => sum + count, 0);
  if (queuedSamples > 0) violations.push(`${queuedSamples} samples were never sent`);
  if (dropped === 0 && oracle.unacknowledged.length > queuedSamples) {
    violations.push(`neither acknowledged nor counted: ${oracle.unacknowledged.join(', ')}`);
  }
  const { crashes } = engine;
  violations.push(
    ...alertViolations(receiver, target, {
      crashes,
      isFaultless: severity === 0,
      silences: silencesOf(alerting),
    }),
  );
  const silenceIds = new Set(silencesOf(alerting).map(({ id }) => id));
  const lost = [...people.acknowledged].filter((id) => !silenceIds.has(id));
  if (lost.length > 0) violations.push(`silences acknowledged and lost: ${lost.join(', ')}`);
  return {
    violations,
    log: sim.log,
    acknowledgedSamples: oracle.acknowledgedCount,
    crashes,
    announced: receiver.statuses,
    silences: people.acknowledged.size,
  };
}

/** Checks the contract of notifications against what the receiver got. */
function alertViolations(
  receiver: SimulatedReceiver,
  target: SimulatedTarget,
  {
    crashes,
    isFaultless,
    silences,
  }: {
    readonly crashes: number;
    readonly isFaultless: boolean;
    readonly silences: readonly Silence[];
  },
): string[] {
  const found: string[] = [];
  for (const atMs of receiver.firingWrittenAtMs) {
    const silence = silences.find(
      ({ startsAtMs, endsAtMs }) => startsAtMs + IN_FORCE_MS < atMs && atMs < endsAtMs,
    );
    if (silence !== undefined) found.push(`announced through ${silence.id}`);
  }
  const { statuses } = receiver;
  // Each firing is announced once and closed once, so the two take turns and the last word is a resolved.
  statuses.forEach((status, i) => {
    const expected = i % 2 === 0 ? 'firing' : 'resolved';
    if (status !== expected) found.push(`message ${i} is ${status}: ${statuses.join(', ')}`);
  });
  if (statuses.length % 2 === 1) found.push(`never closed: ${statuses.join(', ')}`);
  const faults = crashes + receiver.unheard;
  if (receiver.doubles > faults) found.push(`${receiver.doubles} doubles for ${faults} faults`);
  const expected = 2 * target.longOutages(MUST_BE_NOTICED_MS);
  // What is silenced need not be announced, but nothing is announced twice.
  const isRight =
    silences.length === 0 ? statuses.length === expected : statuses.length <= expected;
  if (isFaultless && !isRight) {
    found.push(`outages that nobody was told of: ${statuses.join(', ')}`);
  }
  return found;
}

function silencesOf(process: AlertingProcess | null): readonly Silence[] {
  return process?.silences() ?? [];
}

/** Up to three outages, long ones and short ones, far enough apart that each is an alert of its own. */
function outages(sim: Simulation): Outage[] {
  const { random } = sim;
  return Array.from({ length: random.between(0, 3) }, (_, i) => ({
    fromMs: 10_000 + i * 50_000 + random.between(0, 5_000),
    forMs: random.chance(0.2) ? random.between(1_000, 5_000) : random.between(22_000, 30_000),
  }));
}

function scheduleFaults(sim: Simulation, engine: SimulatedEngine, severity: number): void {
  const { random } = sim;
  const count = Math.round(6 * severity);
  for (let i = 0; i < count; i++) {
    sim.after(random.between(1_000, FAULTY_MS - 30_000), () => {
      const { faults } = engine.disk;
      const kind = random.between(0, 3);
      if (kind === 0) {
        engine.crash(random.between(10, 15_000));
      } else if (kind === 1) {
        sim.note('disk: syncs fail');
        faults.failsSync = true;
        sim.after(random.between(100, 10_000), () => {
          faults.failsSync = false;
        });
      } else if (kind === 2) {
        sim.note('disk: the next write is torn');
        faults.tearsNextAppendAt = random.between(0, 60);
      } else {
        sim.note('disk: full');
        faults.capacityBytes = 1;
        sim.after(random.between(100, 10_000), () => {
          faults.capacityBytes = Infinity;
        });
      }
    });
  }
}

function calmDown(engine: SimulatedEngine): void {
  Object.assign(engine.disk.faults, {
    failsSync: false,
    capacityBytes: Infinity,
    tearsNextAppendAt: null,
  });
}
