import { measureDecisionPasses } from './decision-pass.ts';

/*
 * One decision pass over 10,000 alerts in 1,000 groups, all of them due: the target is 20 ms.
 * node --conditions=repo-source libs/dispatch/bench/decide.bench.ts
 */

for (let round = 0; round < Number(process.argv[2] ?? 3); round++) {
  for (const [step, ms] of Object.entries(measureDecisionPasses())) {
    console.log(`${step.padEnd(12)} ${ms.toFixed(1).padStart(8)} ms`);
  }
}
