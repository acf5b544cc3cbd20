#!/usr/bin/env node
// `npx binnacle …`: the command line program under the pinned runtime, built first where it has to be.
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, main, root, run, runtimePath } from './lib/workspace.mjs';

await main(async () => {
  await ensureInstalled();
  await ensureBuilt();
  // Signals of a terminal reach the whole process group; this process only waits for the other to end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  const entry = join(root, 'dist', 'apps', 'cli', 'src', 'main.js');
  return run(runtimePath(), [entry, ...process.argv.slice(2)], { cwd: process.cwd() });
});
