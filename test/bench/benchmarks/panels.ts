import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allDashboards } from '../../../grafana/src/dashboards.ts';
import { panelsOf, queriesOf, withAllChosen } from '../../../grafana/src/panel-queries.ts';
import { SimulatedClusterEngine } from '../../support/simulated-cluster.ts';
import type { BenchContext } from '../bench-context.ts';
import { limitFinding, percentile, plain } from '../report.ts';

const LIMIT_MS = 200;

/** What every panel of every dashboard takes over the last hour of a simulated cluster, its queries at the same time. */
export async function panelsBenchmark(context: BenchContext): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'binnacle-panels-'));
  context.say('letting a cluster of 20 nodes live and break …');
  const engine = await SimulatedClusterEngine.start(join(folder, 'data'));
  try {
    const rounds = context.isQuick ? 2 : 6;
    const panels = allDashboards().flatMap(([file, dashboard]) =>
      panelsOf(dashboard).map((panel) => ({
        name: `${file}: ${panel.title}`,
        queries: queriesOf({ ...dashboard, panels: [panel] }).map(
          ({ expr, isInstant, language }) => ({
            expr: withAllChosen(expr),
            isInstant,
            language,
          }),
        ),
        times: [] as number[],
      })),
    );
    for (let round = 0; round < rounds; round++) {
      for (const { queries, times } of panels) {
        const before = performance.now();
        await Promise.all(
          queries.map(({ expr, isInstant, language }) => {
            if (language === 'logql') return engine.lines(expr);
            return isInstant ? engine.instant(expr) : engine.range(expr);
          }),
        );
        // The first round warms up.
        if (round > 0) times.push(performance.now() - before);
      }
    }
    const medians = panels
      .map(({ name, times }) => ({ name, ms: percentile(times, 0.5) }))
      .toSorted((a, b) => b.ms - a.ms);
    for (const { name, ms } of medians.slice(0, 5)) context.say(`${plain(ms)} ms: ${name}`);
    const [slowest] = medians;
    const { samples, roundsMs } = engine.run;
    context.add(
      limitFinding(
        'panels',
        `slowest of ${panels.length} panels over an hour of 20 nodes and 400 pods`,
        LIMIT_MS,
        slowest!.ms,
        'ms',
        `${slowest!.name}; median of ${rounds - 1}; half of all panels within ${plain(
          percentile(
            medians.map(({ ms }) => ms),
            0.5,
          ),
        )} ms; ` +
          `${plain(samples / 1e6)} million samples; a round of all default rules takes ${plain(percentile([...roundsMs], 0.5))} ms`,
      ),
    );
  } finally {
    await engine.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
