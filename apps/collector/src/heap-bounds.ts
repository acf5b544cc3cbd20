import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/*
 * A collector is to be small beside the applications of its node; docs/adr/0034 has the figures.
 *
 * The runtime lets its space for new objects grow to 64 MiB and more while it loads modules, and never gives that back.
 * The hot paths make few objects, so the space grows to 4 MiB and stays so.
 *
 * What has become old is collected when there is up to twice as much of it as after the last time, which let what waits
 * for that, and the buffers that hang on it, grow by 60 MiB in two minutes. With a seventh more it is collected every
 * fifteen seconds, at a thousandth of a core.
 *
 * What was given to the runtime on the command line comes first.
 */

const WANTED_BYTES = 4 * 1024 * 1024;
const MAX_ROUNDS = 1_000;
const OLD_GROWTH_PERCENT = 15;

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

function isTold(pattern: RegExp): boolean {
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((arg) => pattern.test(arg));
}

/** Has an effect on what is loaded after it. */
export function boundHeap(): void {
  if (!isTold(/heap[-_]growing[-_]percent/)) {
    setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH_PERCENT}`);
  }
  if (isTold(/semi[-_]space/)) return;
  setFlagsFromString('--semi-space-growth-factor=2');
  growTo(WANTED_BYTES);
  setFlagsFromString('--semi-space-growth-factor=1');
}
