import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench-context.ts';
import { startLoneEngine } from '../lone-engine.ts';
import { pings } from '../pings.ts';
import { limitFinding, percentile, plain } from '../report.ts';
import { everythingFiresFile } from '../rule-set.ts';

const LAG = 'nodejs_eventloop_lag_p99_seconds';
const MISSED = 'prometheus_rule_group_iterations_missed_total';
const PING_EVERY_MS = 20;

/** What 50,000 alerts that fire at once do to everything else. */
export async function firesBenchmark(context: BenchContext): Promise<void> {
  const pods = context.isQuick ? 200 : 1_000;
  const metrics = 10;
  const { engine, feed, seriesCount } = await startLoneEngine(context, pods);
  const alerts = (seriesCount / 20) * metrics;
  let notified = 0;
  const hook = createServer((request, response) => {
    notified++;
    request.resume().once('end', () => response.end());
  });
  await new Promise<void>((resolve) => {
    hook.listen(0, '127.0.0.1', resolve);
  });
  try {
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
    await engine.useConfig(
      { alertmanager_config: 'alertmanager.json' },
      { 'alertmanager.json': alertmanagerConfig(url) },
    );
    await sleep(20_000);
    const rssBefore = await engine.residentBytes();
    await engine.metric(LAG);
    await engine.useRules(everythingFiresFile(metrics));
    const seconds = context.isQuick ? 45 : 90;
    context.say(`${alerts} alerts fire, ${seconds} s …`);
    const latencies = await pings(engine, seconds * 1_000, PING_EVERY_MS);
    const lagMs = (await engine.metric(LAG)) * 1_000;
    const missed = await engine.metric(MISSED);
    const active = await engine.metric('prometheus_rule_group_last_evaluation_samples');
    const rss = ((await engine.residentBytes()) - rssBefore) / 2 ** 20;
    const { longestDelayMs } = await feed.stop();
    const what = `with ${alerts} alerts that began to fire at once`;
    context.add(
      limitFinding(
        'fires',
        `event-loop delay p99 ${what}`,
        50,
        lagMs,
        'ms',
        `/livez p99 ${plain(percentile(latencies, 0.99))}, max ${plain(Math.max(...latencies))} ms; ${active} series of alerts, ${notified} notifications`,
      ),
      limitFinding('fires', `missed rounds ${what}`, 0, missed, 'missed'),
      limitFinding('fires', `longest delay of a sample ${what}`, 15_000, longestDelayMs, 'ms'),
      limitFinding(
        'fires',
        `memory of an alert: rules, its two series and the dispatcher together`,
        2,
        (rss * 1_024) / alerts,
        'KiB',
        'resident memory, garbage included',
      ),
    );
  } finally {
    hook.closeAllConnections();
    hook.close();
    await engine.stop();
  }
}

function alertmanagerConfig(url: string): string {
  return JSON.stringify({
    route: {
      receiver: 'hook',
      group_by: ['alertname', 'namespace'],
      group_wait: '5s',
      group_interval: '30s',
      repeat_interval: '4h',
    },
    receivers: [{ name: 'hook', webhook_configs: [{ url, send_resolved: true }] }],
  });
}
