import { jest } from '@jest/globals';
import fc from 'fast-check';

/*
 * Jest runs this before every spec. A test that waits says itself what it waits for; the time here only ends one that
 * hangs, on the slowest machine.
 */
jest.setTimeout(300_000);

/**
 * The same inputs at every run, so that a change is judged by itself. `FAST_CHECK_SEED=random` looks for others, and a
 * number replays those of a failure, which names its seed.
 */
const seed = process.env['FAST_CHECK_SEED'] ?? '20261121';
if (seed !== 'random') {
  if (!Number.isInteger(Number(seed))) {
    throw new Error(`FAST_CHECK_SEED is ${seed}; accepted are an integer and "random"`);
  }
  fc.configureGlobal({ seed: Number(seed) });
}
