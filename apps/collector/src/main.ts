import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { boundHeap } from './heap-bounds.ts';

/** Made by the build of all that is imported here. */
const packed = fileURLToPath(new URL('packed.cjs', import.meta.url));

boundHeap();
// What is imported statically would be loaded before the line above has its effect.
const { run }: typeof import('./run.ts') = existsSync(packed)
  ? createRequire(import.meta.url)(packed)
  : await import('./run.ts');
await run();
