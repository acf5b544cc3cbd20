import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench-context.ts';
import type { Contender } from '../contender.ts';
import { plain, ratioFinding } from '../report.ts';
import { TargetFleet } from '../target-fleet.ts';
import { WriteSink } from '../write-sink.ts';

const SENT = 'prometheus_remote_storage_samples_total';
const SERIES = 500;
const WARM_UP_MS = 45_000;

/** The whole way of a sample through an agent, from its target to a remote-write receiver: CPU time, and memory. */
export async function scrapeBenchmark(context: BenchContext): Promise<void> {
  const count = context.isQuick ? 200 : 1_000;
  const seconds = context.isQuick ? 45 : 120;
  const fleet = await TargetFleet.start(count, SERIES);
  const sink = await WriteSink.start();
  try {
    const { ours, theirs } = await context.startAgents(
      {
        global: { scrape_interval: '15s', scrape_timeout: '15s' },
        scrape_configs: [{ job_name: 'fleet', static_configs: [{ targets: fleet.addresses }] }],
      },
      sink.url,
    );
    const both = [ours, theirs];
    context.say(`${count} targets of ${SERIES} series every 15 s, ${seconds} s …`);
    await sleep(WARM_UP_MS);
    const before = await Promise.all(both.map(stateOf));
    await sleep(seconds * 1_000);
    const after = await Promise.all(both.map(stateOf));
    const [our, their] = after.map((now, i) => ({
      microseconds: ((now.cpu - before[i]!.cpu) * 1e6) / (now.samples - before[i]!.samples),
      samples: now.samples - before[i]!.samples,
      mebibytes: now.resident / 2 ** 20,
    }));
    const what = `${count} targets of ${SERIES} series every 15 s`;
    context.add(
      ratioFinding(
        'scrape',
        `CPU time of a sample, ${what}`,
        1,
        our!.microseconds,
        their!.microseconds,
        `${plain(our!.microseconds)} and ${plain(their!.microseconds)} µs; ${our!.samples} and ${their!.samples} samples sent`,
      ),
      ratioFinding(
        'scrape',
        `resident memory, ${what}`,
        1,
        our!.mebibytes,
        their!.mebibytes,
        `${plain(our!.mebibytes)} and ${plain(their!.mebibytes)} MiB`,
      ),
    );
    for (const each of both) await each.stop();
  } finally {
    sink.close();
    fleet.close();
  }
}

async function stateOf(
  contender: Contender,
): Promise<{ readonly cpu: number; readonly samples: number; readonly resident: number }> {
  return {
    samples: await contender.metric(SENT),
    cpu: await contender.cpuSeconds(),
    resident: await contender.residentBytes(),
  };
}
