import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';

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
 * A collector with a hundred targets and more to remember is another thing: each collection looks at all of that, and it is
 * no neighbour that counts its megabytes. There the one space may grow by two fifths, the other is 16 MiB.
 *
 * What was given to the runtime on the command line comes first.
 */

const MIB = 1024 * 1024;
const WANTED_BYTES = 4 * MIB;
const LARGE_WANTED_BYTES = 16 * MIB;
/** A heap with this much in use is a large one until it has fallen to the other. */
const LARGE_HEAP_BYTES = 96 * MIB;
const SMALL_HEAP_BYTES = 72 * MIB;
const LOOK_MS = 20_000;
const MAX_ROUNDS = 1_000;
const OLD_GROWTH_PERCENT = 15;
const LARGE_OLD_GROWTH_PERCENT = 40;

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

function growNewSpaceTo(bytes: number): void {
  setFlagsFromString('--semi-space-growth-factor=2');
  growTo(bytes);
  setFlagsFromString('--semi-space-growth-factor=1');
}

function setOldGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/** Has an effect on what is loaded after it, and looks from time to time whether the heap has become a large one. */
export function boundHeap(): void {
  const setsGrowth = !isTold(/heap[-_]growing[-_]percent/);
  const setsNewSpace = !isTold(/semi[-_]space/);
  if (setsGrowth) setOldGrowth(OLD_GROWTH_PERCENT);
  if (setsNewSpace) growNewSpaceTo(WANTED_BYTES);
  let isLarge = false;
  setInterval(() => {
    const { used_heap_size: usedBytes } = getHeapStatistics();
    if (isLarge ? usedBytes > SMALL_HEAP_BYTES : usedBytes < LARGE_HEAP_BYTES) return;
    isLarge = !isLarge;
    if (setsGrowth) setOldGrowth(isLarge ? LARGE_OLD_GROWTH_PERCENT : OLD_GROWTH_PERCENT);
    if (setsNewSpace && isLarge) growNewSpaceTo(LARGE_WANTED_BYTES);
  }, LOOK_MS).unref();
}
