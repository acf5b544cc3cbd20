import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/*
 * The runtime lets its space for new objects grow to 64 MiB and more while it loads modules, and never gives that back. A
 * collector is to be small, and its hot paths make few objects, so the space grows to 4 MiB and stays so. What was given
 * to the runtime on the command line comes first.
 */

const WANTED_BYTES = 4 * 1024 * 1024;
const MAX_ROUNDS = 1_000;

function spaceBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')!.space_size;
}

/** Objects that live for a moment make the space grow. */
function growTo(bytes: number): void {
  let kept: object[] = [];
  for (let round = 0; round < MAX_ROUNDS && spaceBytes() < bytes; round++) {
    for (let i = 0; i < 1_000; i++) kept.push({ round, i });
    if (kept.length > 20_000) kept = [];
  }
}

/** Has an effect on what is loaded after it. */
export function boundYoungGeneration(): void {
  if (process.execArgv.some((arg) => /semi[-_]space/.test(arg))) return;
  setFlagsFromString('--semi-space-growth-factor=2');
  growTo(WANTED_BYTES);
  setFlagsFromString('--semi-space-growth-factor=1');
}
