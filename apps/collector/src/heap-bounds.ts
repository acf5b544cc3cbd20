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
 * Where hundreds of targets are scraped there is another measure than megabytes beside applications: each collection looks at
 * all that is known of all targets. There the one space may grow by two fifths, the other is 16 MiB.
 *
 * What was given to the runtime on the command line comes first.
 */

const MIB = 1024 * 1024;
const WANTED_BYTES = 4 * MIB;
const LARGE_WANTED_BYTES = 16 * MIB;
/** So many targets are many, until there are fewer than the other. */
const MANY_TARGETS = 400;
const FEWER_TARGETS = 300;
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

function maySetGrowth(): boolean {
  return !isTold(/heap[-_]growing[-_]percent/);
}

function maySetNewSpace(): boolean {
  return !isTold(/semi[-_]space/);
}

/** Has an effect on what is loaded after it. */
export function boundHeap(): void {
  if (maySetGrowth()) setOldGrowth(OLD_GROWTH_PERCENT);
  if (maySetNewSpace()) growNewSpaceTo(WANTED_BYTES);
}

let hasMany = false;

/** To be told from time to time how many targets are scraped. */
export function boundHeapFor(targets: number): void {
  if (hasMany ? targets >= FEWER_TARGETS : targets < MANY_TARGETS) return;
  hasMany = !hasMany;
  if (maySetGrowth()) setOldGrowth(hasMany ? LARGE_OLD_GROWTH_PERCENT : OLD_GROWTH_PERCENT);
  if (maySetNewSpace() && hasMany) growNewSpaceTo(LARGE_WANTED_BYTES);
}
