import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench-context.ts';
import { SCRAPE_MS } from '../cluster.ts';
import type { Contender } from '../contender.ts';
import { plain, ratioFinding } from '../report.ts';

interface Usage {
  readonly cpuSeconds: number;
  readonly rounds: number;
  readonly missed: number;
  readonly failures: number;
}

const GROUPS = 20;
const RULES = 500;

/** CPU that 500 alerting rules cost in a round: what the process uses with them less what it uses without. */
export async function rulesBenchmark(context: BenchContext): Promise<void> {
  const cluster = await context.cluster();
  const rounds = context.isQuick ? 3 : 6;
  const warmUp = context.isQuick ? 2 : 4;
  const both = [cluster.ours, cluster.theirs];
  context.say(`${warmUp} rounds without rules to settle, and ${rounds} to measure …`);
  await sleep(warmUp * SCRAPE_MS);
  const idle = await usageOver(both, rounds);
  await cluster.startRules();
  context.say(`${warmUp} rounds with rules to warm up, and ${rounds} to measure …`);
  await sleep(warmUp * SCRAPE_MS);
  const busy = await usageOver(both, rounds);
  const [ours, theirs] = both.map((contender, i) => {
    const { cpuSeconds, rounds: done, missed, failures } = busy[i]!;
    const perRound = (cpuSeconds - idle[i]!.cpuSeconds) / done;
    context.say(
      `${contender.name}: ${plain(perRound)} CPU-seconds a round for rules, ${plain(idle[i]!.cpuSeconds / rounds)} for the rest; ` +
        `${plain(done)} rounds, ${plain(missed)} missed, ${failures} failures`,
    );
    if (failures > 0) throw new Error(`rules fail at ${contender.name}`);
    return perRound;
  });
  context.add(
    ratioFinding(
      'rules',
      `CPU a round of 500 rules over ${cluster.seriesCount} series`,
      1 / 30,
      ours!,
      theirs!,
      `${plain(ours!)} s / ${plain(theirs!)} s`,
    ),
  );
}

/** What both use over the same time. */
async function usageOver(contenders: readonly Contender[], rounds: number): Promise<Usage[]> {
  const before = await Promise.all(contenders.map(usageOf));
  await sleep(rounds * SCRAPE_MS);
  const after = await Promise.all(contenders.map(usageOf));
  return after.map((now, i) => ({
    cpuSeconds: now.cpuSeconds - before[i]!.cpuSeconds,
    rounds: now.rounds - before[i]!.rounds,
    missed: now.missed - before[i]!.missed,
    failures: now.failures - before[i]!.failures,
  }));
}

async function usageOf(contender: Contender): Promise<Usage> {
  const cpuSeconds = await contender.cpuSeconds();
  return {
    cpuSeconds,
    // By the rules that were evaluated: a store that does not keep up leaves rounds out and others half done.
    rounds: (await contender.metric('prometheus_rule_evaluations_total')) / RULES,
    missed: (await contender.metric('prometheus_rule_group_iterations_missed_total')) / GROUPS,
    failures: await contender.metric('prometheus_rule_evaluation_failures_total'),
  };
}
