// `npm run bench`: compares the engine with a real Prometheus that is fed the same data in the same run.
// `npm run bench -- rules instant` runs some of the benchmarks, `-- --quick` smaller ones; test/bench/README.md says more.
import { join } from 'node:path';
import { ensurePeers } from './lib/peers.mjs';
import {
  ensureBuilt,
  ensureInstalled,
  main,
  PlainError,
  root,
  run,
  runtimePath,
} from './lib/workspace.mjs';

await main(async () => {
  await ensureInstalled();
  const args = process.argv.slice(2);
  // Another build can be measured, for a figure of before to put beside the one of after.
  const isGiven = (name) => args.some((arg) => arg === name || arg.startsWith(`${name}=`));
  const programs = [
    ['--engine', 'alert-engine'],
    ['--collector', 'collector'],
  ].filter(([option]) => !isGiven(option));
  if (programs.length > 0) await ensureBuilt();
  for (const [option, app] of programs) {
    args.push(option, join(root, 'dist', 'apps', app, 'src', 'main.js'));
  }
  const names = args.filter((arg) => /^[a-z]+$/.test(arg));
  // What log files cost is compared with figures taken before, and of pods our own memory is asked.
  const needsNoPeer =
    names.length > 0 && names.every((name) => ['logql', 'logs', 'pods'].includes(name));
  const peers = needsNoPeer ? '' : ensurePeers();
  if (peers === null)
    throw new PlainError('the benchmarks need a real Prometheus to compare with.');
  args.push('--prometheus', join(peers, 'prometheus'));
  return run(runtimePath(), [
    '--conditions=repo-source',
    join(root, 'test', 'bench', 'run.ts'),
    ...args,
  ]);
});
