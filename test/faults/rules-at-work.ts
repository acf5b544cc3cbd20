import { writeFile } from 'node:fs/promises';
import { eventually, getText } from '../support/processes.ts';
import type { Engine } from './faulty-engine.ts';

const ROUNDS_METRIC = 'fault:rounds';

/** Writes a rule that is evaluated every second beside a data directory. @returns the configuration that loads it */
export async function configWithRule(dataDir: string): Promise<string> {
  const file = `${dataDir}.rules.yml`;
  await writeFile(
    file,
    JSON.stringify({
      groups: [
        {
          name: 'faults',
          interval: '1s',
          rules: [{ record: ROUNDS_METRIC, expr: `vector(time())` }],
        },
      ],
    }),
  );
  return `rule_files: ['${file}']\n`;
}

/** The time a recording rule was last evaluated at, asked of the query API as anybody would; null for never. */
async function latestRound({ url }: Engine): Promise<number | null> {
  const text = await getText(`${url}/api/v1/query?query=${encodeURIComponent(ROUNDS_METRIC)}`);
  if (text === null) return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Prometheus's answer
  const answer = JSON.parse(text) as { data: { result: { value: [number, string] }[] } };
  const value = answer.data.result[0]?.value[1];
  return value === undefined ? null : Number(value);
}

/** Waits for two more rounds of the rule, whose results can be queried. */
export async function untilRulesGoOn(engine: Engine): Promise<void> {
  const before = await eventually('a round of the rule', () => latestRound(engine));
  await eventually('rules to go on', async () =>
    ((await latestRound(engine)) ?? 0) >= before + 2 ? true : null,
  );
}

/** How often groups of rules have been evaluated, as the engine counts it; no clock matters to that. */
export async function roundsOf({ url }: Engine): Promise<number> {
  const text = await eventually('metrics', () => getText(`${url}/metrics`));
  return Number(/^prometheus_rule_group_iterations_total\{[^}]*\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
