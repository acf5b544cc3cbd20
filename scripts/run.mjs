// The developer's commands, each run under the pinned runtime: `npm run build`, `check`, `lint`, …
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  ensureBuilt,
  ensureInstalled,
  main,
  PlainError,
  root,
  run,
  runTool,
  runtimePath,
} from './lib/workspace.mjs';

const JEST_ENV = {
  ...process.env,
  NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
};

const commands = {
  build: async () => {
    rmSync(join(root, 'dist', '.binnacle-build'), { force: true });
    await ensureBuilt();
    return 0;
  },
  typecheck: async () =>
    (await runTool('@typescript/native/bin/tsc', ['--noEmit'])) ||
    (await runTool('@typescript/native/bin/tsc', ['--noEmit', '-p', 'libs'])),
  lint: (args) => runTool('oxlint/bin/oxlint', ['--type-aware', '--deny-warnings', ...args]),
  deps: (args) =>
    runTool('dependency-cruiser/bin/dependency-cruiser.mjs', ['apps', 'libs', 'test', ...args]),
  knip: (args) => runTool('knip/bin/knip.js', args),
  format: (args) =>
    runTool('prettier/bin/prettier.cjs', [
      '--write',
      '--log-level=warn',
      ...(args.length > 0 ? args : ['.']),
    ]),
  'format:check': (args) =>
    runTool('prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.', ...args]),
  grafana: () => run(runtimePath(), ['--conditions=repo-source', 'grafana/src/build.ts']),
  manifests: (args) =>
    run(runtimePath(), ['--conditions=repo-source', 'deploy/src/check.ts', ...args]),
  simulate: (args) =>
    run(runtimePath(), ['--conditions=repo-source', 'test/simulator/run.ts', ...args]),
  bench: (args) => run(process.execPath, ['scripts/bench.mjs', ...args]),
  jest: (args) => runTool('jest/bin/jest.js', args, { env: JEST_ENV }),
};

/** Everything but the tests that a commit must pass. */
const STATIC_CHECKS = ['typecheck', 'lint', 'deps', 'knip', 'format:check'];

await main(async () => {
  const [name, ...args] = process.argv.slice(2);
  await ensureInstalled();
  if (name === 'check' || name === 'check:static') {
    for (const check of STATIC_CHECKS) {
      const code = await commands[check]([]);
      if (code !== 0) throw new PlainError(`\`npm run ${check}\` failed; it says why above.`);
    }
    return name === 'check' ? commands.jest(args) : 0;
  }
  const command = commands[name];
  if (command === undefined) {
    throw new PlainError(
      `unknown command ${name}; known are check, check:static, ${Object.keys(commands).join(', ')}`,
    );
  }
  return command(args);
});
