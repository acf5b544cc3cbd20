import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  type AlertState,
  type AlertTiming,
  NEVER_ACTIVE,
  nextAlertState,
  stateAfterOutage,
} from './alert-state.ts';

const MINUTE = 60_000;

/** The states over a script with a character a minute: x means the expression holds, a point that it does not. */
function statesOver(script: string, timing: AlertTiming): AlertState[] {
  let state = NEVER_ACTIVE;
  return Array.from(script, (character, i) => {
    state = nextAlertState(state, character === 'x', i * MINUTE, timing);
    return state;
  });
}

function kindsOver(script: string, holdMinutes: number, keepMinutes: number): string {
  return statesOver(script, { holdMs: holdMinutes * MINUTE, keepFiringMs: keepMinutes * MINUTE })
    .map(({ kind }) => ({ inactive: '.', pending: 'p', firing: 'F' })[kind])
    .join('');
}

describe('nextAlertState', () => {
  it.each([
    ['..xx..', 0, 0, '..FF..'],
    ['xxxx.', 2, 0, 'ppFF.'],
    ['xx.xxx', 2, 0, 'pp.ppF'],
    ['x.x...', 0, 2, 'FFFFF.'],
    ['xxxx..x', 2, 3, 'ppFFFFF'],
    ['xxx....', 2, 3, 'ppFFFF.'],
    ['x...x', 0, 2, 'FFF.F'],
  ])('turns %s with for %d and keep_firing_for %d into %s', (script, hold, keep, expected) => {
    expect(kindsOver(script, hold, keep)).toBe(expected);
  });
  it('remembers since when the alert was active, when it fired and when it ended', () => {
    const states = statesOver('xxx.', { holdMs: 2 * MINUTE, keepFiringMs: 0 });
    expect(states[2]).toEqual({
      kind: 'firing',
      activeAtMs: 0,
      firedAtMs: 2 * MINUTE,
      missingSinceMs: null,
    });
    expect(states[3]).toEqual({
      kind: 'inactive',
      resolvedAtMs: 3 * MINUTE,
      firedAtMs: 2 * MINUTE,
    });
  });
  it('goes by the new `for` after a reload', () => {
    const [waiting] = statesOver('x', { holdMs: 10 * MINUTE, keepFiringMs: 0 });
    const next = nextAlertState(waiting!, true, MINUTE, { holdMs: MINUTE, keepFiringMs: 0 });
    expect(next.kind).toBe('firing');
  });
  it('never fires before `for` has passed, nor ends while the expression holds', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('x', '.'), maxLength: 60 }),
        fc.nat({ max: 5 }),
        fc.nat({ max: 5 }),
        (script, hold, keep) => {
          const kinds = kindsOver(script, hold, keep);
          // Points where the rule is broken; there must be none.
          const broken = Array.from(script, (character, i) => {
            const fires = kinds[i] === 'F' && kinds[i - 1] !== 'F';
            const ends = kinds[i] === '.' && kinds[i - 1] === 'F';
            return (
              (character === 'x' && kinds[i] === '.') ||
              (fires && script.slice(i - hold, i + 1) !== 'x'.repeat(hold + 1)) ||
              (ends && script.slice(i - keep, i + 1) !== '.'.repeat(keep + 1))
            );
          });
          expect(broken).not.toContain(true);
        },
      ),
    );
  });
});

describe('stateAfterOutage', () => {
  const outage = { toleranceMs: 60 * MINUTE, graceMs: 10 * MINUTE };
  const firing: AlertState = {
    kind: 'firing',
    activeAtMs: 0,
    firedAtMs: MINUTE,
    missingSinceMs: null,
  };
  const pending: AlertState = { kind: 'pending', activeAtMs: 0 };

  it('lets a firing alert fire on after any outage', () => {
    const timing = { holdMs: 0, keepFiringMs: 0 };
    expect(stateAfterOutage(firing, MINUTE, 1_000 * MINUTE, timing, outage)).toBe(firing);
  });
  it.each([
    // hold, down at, back at → active since
    [60, 20, 25, 5],
    [60, 55, 60, 10],
    [5, 2, 30, 28],
    [20, 20, 40, 0],
    [60, 20, 81, null],
  ])('with for %d, down at %d, back at %d is pending since %s', (hold, down, back, expected) => {
    const timing = { holdMs: hold * MINUTE, keepFiringMs: 0 };
    const state = stateAfterOutage(pending, down * MINUTE, back * MINUTE, timing, outage);
    expect(state).toEqual(
      expected === null ? NEVER_ACTIVE : { kind: 'pending', activeAtMs: expected * MINUTE },
    );
  });
});
