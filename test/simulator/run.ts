import { parseArgs } from 'node:util';
import { runScenario } from './scenario.ts';

// `npm run simulate -- --seed 42` replays one run with its log; `--seeds 1000` looks for one that fails.
const { values } = parseArgs({
  options: { seed: { type: 'string' }, seeds: { type: 'string', default: '100' } },
});

if (values.seed === undefined) {
  let failed = 0;
  const count = Number(values.seeds);
  for (let seed = 0; seed < count; seed++) {
    const { violations } = await runScenario({ seed });
    if (violations.length === 0) continue;
    failed++;
    process.stdout.write(`seed ${seed}: ${violations[0]}\n`);
  }
  process.stdout.write(`${count - failed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
} else {
  const { log, violations, acknowledgedSamples, crashes } = await runScenario({
    seed: Number(values.seed),
  });
  process.stdout.write(`${log.join('\n')}\n`);
  process.stdout.write(`${acknowledgedSamples} samples acknowledged, ${crashes} crashes\n`);
  for (const violation of violations) process.stdout.write(`VIOLATION ${violation}\n`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
