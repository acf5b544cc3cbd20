// `npm test`: installs and builds what is missing, fetches the real programs the tests talk to, and runs every test but
// the long ones. `npm run test:long` runs those: faults, images, fuzzing, simulator seeds. Arguments go to Jest.
import { ensurePeers } from './lib/peers.mjs';
import { ensureBuilt, ensureInstalled, main, root, runTool } from './lib/workspace.mjs';

const QUICK = {
  projects: ['unit', 'conformance', 'simulator', 'e2e', 'differential'],
  env: { SIMULATOR_SEEDS: '50', LOG_OUTAGE_SEEDS: '1', FUZZ_RUNS: '1000', DIFF_RUNS: '400' },
};
// The same inputs at every run, so that a change is judged by itself; other seeds find more.
const LONG = {
  projects: ['simulator', 'faults', 'images', 'fuzz', 'differential'],
  env: {
    FAULT_ROUNDS: '20',
    FAULT_SEED: '1',
    SIMULATOR_SEEDS: '2000',
    LOG_OUTAGE_SEEDS: '10',
    FUZZ_RUNS: '100000',
    FUZZ_SEED: '1',
    DIFF_RUNS: '10000',
  },
};

await main(async () => {
  const args = process.argv.slice(2);
  const isLong = args[0] === '--long';
  const suite = isLong ? LONG : QUICK;
  await ensureInstalled();
  await ensureBuilt();
  const peers = ensurePeers();
  return runTool(
    'jest/bin/jest.js',
    [
      '--selectProjects',
      ...suite.projects,
      '--passWithNoTests',
      ...(isLong ? args.slice(1) : args),
    ],
    {
      env: {
        ...suite.env,
        ...process.env,
        NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
        BINNACLE_PEERS: peers ?? '',
        BINNACLE_ROOT: root,
      },
    },
  );
});
