import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { BenchContext } from './bench-context.ts';
import { ingestBenchmark } from './benchmarks/ingest.ts';
import { firesBenchmark } from './benchmarks/fires.ts';
import { instantBenchmark } from './benchmarks/instant.ts';
import { linearBenchmark } from './benchmarks/linear.ts';
import { logsBenchmark } from './benchmarks/logs.ts';
import { logqlBenchmark } from './benchmarks/logql.ts';
import { logstoreBenchmark } from './benchmarks/logstore.ts';
import { loopBenchmark } from './benchmarks/loop.ts';
import { millionBenchmark } from './benchmarks/million.ts';
import { teamsBenchmark } from './benchmarks/teams.ts';
import { nodeBenchmark } from './benchmarks/node.ts';
import { notifyBenchmark } from './benchmarks/notify.ts';
import { panelsBenchmark } from './benchmarks/panels.ts';
import { podsBenchmark } from './benchmarks/pods.ts';
import { rangeBenchmark } from './benchmarks/range.ts';
import { reactBenchmark } from './benchmarks/react.ts';
import { rulesBenchmark } from './benchmarks/rules.ts';
import { scrapeBenchmark } from './benchmarks/scrape.ts';
import { table } from './report.ts';

/** In the order they run: queries are measured before the rules begin, which last until the end. */
const BENCHMARKS = new Map([
  ['range', rangeBenchmark],
  ['linear', linearBenchmark],
  ['ingest', ingestBenchmark],
  ['million', millionBenchmark],
  ['instant', instantBenchmark],
  ['rules', rulesBenchmark],
  ['loop', loopBenchmark],
  ['panels', panelsBenchmark],
  ['react', reactBenchmark],
  ['teams', teamsBenchmark],
  ['fires', firesBenchmark],
  ['notify', notifyBenchmark],
  ['logs', logsBenchmark],
  ['logql', logqlBenchmark],
  ['logstore', logstoreBenchmark],
  ['pods', podsBenchmark],
  ['scrape', scrapeBenchmark],
  ['node', nodeBenchmark],
]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    engine: { type: 'string' },
    collector: { type: 'string' },
    prometheus: { type: 'string' },
    profile: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !BENCHMARKS.has(name));
const { engine, collector, prometheus } = values;
if (
  unknown.length > 0 ||
  engine === undefined ||
  collector === undefined ||
  prometheus === undefined
) {
  process.stderr.write(
    `usage: npm run bench -- [--quick] [--profile FOLDER] [--engine MAIN.JS] [--collector MAIN.JS] [${[...BENCHMARKS.keys()].join('|')}]…\n`,
  );
  process.exit(2);
}

const context = await BenchContext.open({
  programs: { engine, collector, prometheus },
  isQuick: values.quick,
  profileDir: values.profile ?? null,
});
let failures = 0;
// Not even an interrupted run leaves its servers behind.
process.once('SIGINT', () => void context.close().finally(() => process.exit(130)));
try {
  for (const [name, benchmark] of BENCHMARKS) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    process.stderr.write(`${name}\n`);
    try {
      await benchmark(context);
    } catch (error) {
      failures++;
      process.stderr.write(`  FAILED: ${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
} finally {
  await context.close();
}
process.stdout.write(
  `\n${availableParallelism()} CPUs, Node ${process.version}${values.quick ? ', quick: sizes below those asked for' : ''}. ` +
    'Ratios are ours to that of Prometheus in this run unless they say otherwise.\n\n' +
    `${table(context.findings)}\n`,
);
process.exit(failures === 0 ? 0 : 1);
