import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Dispatcher, parseAlertmanagerConfig } from '#libs/dispatch';
import type { Labels } from '#libs/labels';
import type { QueryEngine } from '#libs/promql';
import {
  DEFAULT_RULE_TIMING,
  MemoryAlertStateStore,
  parseRuleFile,
  QueryEngineEvaluator,
  type RuleFile,
  RuleManager,
} from '#libs/rules';
import { Labels as NoLabels } from '#libs/labels';
import type { SampleBatch } from '#libs/samples';
import { parse, stringify } from 'yaml';
import { applyFaults } from './cluster-faults.ts';
import { ClusterHistory } from './cluster-history.ts';
import { SimulatedCluster } from './simulated-cluster.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
export const STEP_MS = 60_000;
/** Minutes in which nothing is wrong, and in which everything is. */
const HEALTHY_MINUTES = 12;
const BROKEN_MINUTES = 90;

/** The store and the query engine of a running engine. */
export interface EngineParts {
  append(batch: SampleBatch): Promise<void>;
  readonly queries: QueryEngine;
}

/** What was said of a cluster. */
export interface ClusterReport {
  readonly startMs: number;
  readonly endMs: number;
  /** Alerts that fired before anything went wrong. */
  readonly falseAlerts: readonly Labels[];
  /** Every alert that fired, and whether people were told. */
  readonly alerts: readonly { readonly labels: Labels; readonly isTold: boolean }[];
  /** Rules that failed, each with what they said. */
  readonly failures: ReadonlyMap<string, string>;
  readonly samples: number;
  /** What each round of all rules took, in milliseconds. */
  readonly roundsMs: readonly number[];
}

/** What else is to be in the engine at each moment, such as Binnacle's own metrics. */
export type MoreSamples = (
  nowMs: number,
  minutesBroken: number,
  /** Nodes whose collector is heard of. */
  watched: readonly string[],
) => Promise<readonly SampleBatch[]>;

/**
 * Lets a cluster live and break in the time before `endMs`, with its samples in a real engine's store, the default rules
 * evaluated over them every minute, and the default routing and inhibition behind the rules.
 */
export async function runCluster(
  engine: EngineParts,
  options: { readonly endMs: number; readonly seed: number; readonly more: MoreSamples },
): Promise<ClusterReport> {
  const { endMs, seed, more } = options;
  const minutes = HEALTHY_MINUTES + BROKEN_MINUTES;
  const startMs = endMs - minutes * STEP_MS;
  const cluster = new SimulatedCluster({ seed, startMs });
  const history = new ClusterHistory(cluster, { cluster: 'sim' });
  const people = new People();
  let nowMs = startMs;
  const rules = new RuleManager({
    evaluator: new QueryEngineEvaluator(engine.queries),
    sink: { append: (batch) => engine.append(batch) },
    alertSink: people,
    stateStore: new MemoryAlertStateStore(),
    externalLabels: NoLabels.EMPTY,
    externalUrl: 'http://engine.example',
    clockMs: () => nowMs,
    yieldToLoop: async () => {},
    timing: { ...DEFAULT_RULE_TIMING, settleMs: 0, defaultIntervalMs: STEP_MS },
  });
  await rules.load(ruleFiles(), startMs);
  const failures = new Map<string, string>();
  const roundsMs: number[] = [];
  let falseAlerts: readonly Labels[] = [];
  let samples = 0;
  for (let minute = 0; minute < minutes; minute++) {
    nowMs = startMs + minute * STEP_MS;
    const broken = minute - HEALTHY_MINUTES;
    if (broken === 0) falseAlerts = people.fired();
    if (broken >= 0) applyFaults(cluster, broken);
    const batches = history.batchesAt(nowMs);
    const watched = cluster.nodes
      .filter(({ isGone, oddities }) => !isGone && !oddities.has('no collector'))
      .map(({ name }) => name);
    for (const batch of [...batches, ...(await more(nowMs, broken, watched))]) {
      samples += batch.sampleCount;
      await engine.append(batch);
    }
    const before = performance.now();
    for (const group of rules.groups) {
      if (nowMs % group.intervalMs >= STEP_MS) continue;
      await group.evaluate(nowMs, nowMs);
      for (const { rule, health } of group.rules) {
        if (health.health === 'err') failures.set(rule.name, health.lastError);
      }
    }
    roundsMs.push(performance.now() - before);
    people.listen(nowMs);
    people.listen(nowMs + STEP_MS / 2);
  }
  return {
    startMs,
    endMs: nowMs,
    falseAlerts,
    alerts: people.alerts(),
    failures,
    samples,
    roundsMs,
  };
}

function ruleFiles(): RuleFile[] {
  const folder = join(ROOT, 'deploy', 'rules');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(folder, name))
    .map((file) => parseRuleFile(readFileSync(file, 'utf8'), { file }));
}

/** The default routing, with somebody at the end of every way but that to nobody. */
class People {
  readonly #dispatcher: Dispatcher;
  readonly #fired = new Map<string, Labels>();
  readonly #told = new Set<string>();

  constructor() {
    const path = join(ROOT, 'deploy', 'base', 'engine', 'alertmanager.yml');
    const config = parse(readFileSync(path, 'utf8')) as { receivers: Record<string, unknown>[] };
    for (const receiver of config.receivers) {
      if (receiver['name'] === 'nobody') continue;
      receiver['webhook_configs'] = [{ url: 'http://people.example/' }];
    }
    this.#dispatcher = new Dispatcher(parseAlertmanagerConfig(stringify(config), path));
  }

  accept(incoming: Parameters<Dispatcher['accept']>[0], nowMs: number): void {
    for (const { labels, endsAtMs } of incoming) {
      if (endsAtMs === null || endsAtMs > nowMs) this.#fired.set(labels.fingerprint, labels);
    }
    this.#dispatcher.accept(incoming, nowMs);
  }

  /** Takes what is due. */
  listen(nowMs: number): void {
    for (const { id, alerts } of this.#dispatcher.decide(nowMs).notifications) {
      for (const { labels, status } of alerts) {
        if (status === 'firing') this.#told.add(labels.fingerprint);
      }
      this.#dispatcher.settle(id, 'delivered', nowMs);
    }
  }

  fired(): readonly Labels[] {
    return [...this.#fired.values()];
  }

  alerts(): ClusterReport['alerts'] {
    return [...this.#fired].map(([fingerprint, labels]) => ({
      labels,
      isTold: this.#told.has(fingerprint),
    }));
  }
}
