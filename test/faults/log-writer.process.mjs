// Writes numbered lines as a container runtime does and rotates by rename: FILE LINES ROTATIONS LINES_PER_SECOND
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';

const [file, lines, rotations, perSecond] = process.argv.slice(2);
const count = Number(lines);
const every = Math.floor(count / (Number(rotations) + 1));
const startMs = performance.now();
const pause = new Int32Array(new SharedArrayBuffer(4));
let descriptor = openSync(file, 'a');
let rotated = 0;
for (let i = 0; i < count; i++) {
  writeSync(descriptor, `2026-03-01T08:00:00.000000000Z stdout F line ${i}\n`);
  if (i % every === every - 1 && rotated < Number(rotations)) {
    renameSync(file, `${file}.${String(++rotated).padStart(5, '0')}`);
    // The runtime writes to the file it has open until it is told to open it anew.
    writeSync(descriptor, `2026-03-01T08:00:00.000000000Z stdout F late ${rotated}\n`);
    closeSync(descriptor);
    descriptor = openSync(file, 'a');
  }
  const aheadMs = (i / Number(perSecond)) * 1000 - (performance.now() - startMs);
  if (aheadMs > 2) Atomics.wait(pause, 0, 0, aheadMs);
}
closeSync(descriptor);
