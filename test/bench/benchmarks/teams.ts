import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench-context.ts';
import { SCRAPE_MS } from '../cluster.ts';
import { startLoneEngine } from '../lone-engine.ts';
import { limitFinding, plain } from '../report.ts';
import { teamRuleFile } from '../rule-set.ts';

const MISSED = 'prometheus_rule_group_iterations_missed_total';
const FAILED = 'prometheus_rule_evaluation_failures_total';

/** What 2,000 rules of teams cost: the share of a core that the engine uses with them less what it uses without. */
export async function teamsBenchmark(context: BenchContext): Promise<void> {
  const { engine, feed, seriesCount } = await startLoneEngine(
    context,
    context.isQuick ? 400 : 2_000,
  );
  const rounds = context.isQuick ? 3 : 8;
  const share = async (): Promise<number> => {
    const before = await engine.cpuSeconds();
    await sleep(rounds * SCRAPE_MS);
    return (((await engine.cpuSeconds()) - before) / ((rounds * SCRAPE_MS) / 1_000)) * 100;
  };
  context.say(`${rounds} rounds without rules, and ${rounds} with them …`);
  await sleep(2 * SCRAPE_MS);
  const idle = await share();
  await engine.useRules(teamRuleFile(SCRAPE_MS / 1_000));
  await sleep(3 * SCRAPE_MS);
  const missedBefore = await engine.metric(MISSED);
  const busy = await share();
  const missed = (await engine.metric(MISSED)) - missedBefore;
  const failures = await engine.metric(FAILED);
  await feed.stop();
  await engine.stop();
  if (failures > 0) throw new Error(`${failures} evaluations failed`);
  context.add(
    limitFinding(
      'teams',
      `2,000 rules over ${seriesCount} series, 15 s: share of a core`,
      10,
      busy - idle,
      '%',
      `each series is read about 5 times a round; ${plain(idle)} % without the rules, ${missed} rounds missed`,
    ),
  );
}
