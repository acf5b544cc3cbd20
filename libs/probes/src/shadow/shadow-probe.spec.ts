import { describe, expect, it } from '@jest/globals';
import type { ContainerView, DeclaredProbe, ProbeType } from './declared-probe.ts';
import { ShadowProbe } from './shadow-probe.ts';

const VIEW: ContainerView = {
  id: 'one',
  startedAtMs: 1_000,
  hasStarted: true,
  isReady: false,
  isEnding: false,
};

function shadow(probeType: ProbeType, more: Partial<DeclaredProbe> = {}): ShadowProbe {
  return new ShadowProbe({
    container: 'main',
    probeType,
    check: { kind: 'tcp', port: 1 },
    initialDelayMs: 5_000,
    timeoutMs: 1_000,
    periodMs: 10_000,
    successThreshold: 1,
    failureThreshold: 2,
    ...more,
  });
}

describe('a shadow probe', () => {
  it('begins as the kubelet does, and is told from it before anything was asked', () => {
    const first = (['Liveness', 'Readiness', 'Startup'] as const).map((type) => shadow(type));
    expect(first.map(({ verdict }) => verdict)).toEqual([true, false, null]);
    expect(first.map((probe) => probe.mismatch(VIEW))).toEqual([null, null, null]);
  });

  it('waits for the container, for its start and for the delay', () => {
    const probe = shadow('Readiness');
    expect(probe.isDue({ ...VIEW, id: '' }, 1e6)).toBe(false);
    expect(probe.isDue({ ...VIEW, startedAtMs: null }, 1e6)).toBe(false);
    expect(probe.isDue({ ...VIEW, hasStarted: false }, 1e6)).toBe(false);
    expect(probe.isDue(VIEW, 5_999)).toBe(false);
    expect(probe.isDue(VIEW, 6_000)).toBe(true);
    const startup = shadow('Startup');
    expect(startup.isDue({ ...VIEW, hasStarted: false }, 1e6)).toBe(true);
    expect(startup.isDue(VIEW, 1e6)).toBe(false);
  });

  it('asks a pod that is being deleted only whether it is ready', () => {
    const ending = { ...VIEW, isEnding: true };
    expect(shadow('Readiness').isDue(ending, 1e6)).toBe(true);
    expect(shadow('Liveness').isDue(ending, 1e6)).toBe(false);
    expect(shadow('Startup').isDue({ ...ending, hasStarted: false }, 1e6)).toBe(false);
  });

  it('changes its mind at the thresholds only', () => {
    const probe = shadow('Readiness', { successThreshold: 2, failureThreshold: 3 });
    probe.isDue(VIEW, 1e6);
    const results = [true, true, false, false, true, false, false, false, true, true];
    expect(results.map((isSuccess) => [probe.observed(isSuccess), probe.verdict])).toEqual([
      [false, false],
      [true, true],
      [false, true],
      [false, true],
      [false, true],
      [false, true],
      [false, true],
      [true, false],
      [false, false],
      [true, true],
    ]);
  });

  it.each(['Liveness', 'Startup'] as const)(
    'asks no more after a failed %s until the container is a new one',
    (type) => {
      const view = { ...VIEW, hasStarted: type === 'Liveness' };
      const probe = shadow(type);
      probe.isDue(view, 1e6);
      probe.observed(false);
      expect(probe.isDue(view, 1e6)).toBe(true);
      expect(probe.observed(false)).toBe(true);
      expect(probe.isDue(view, 2e6)).toBe(false);
      expect(probe.verdict).toBe(false);
      expect(probe.isDue({ ...view, id: 'two' }, 2e6)).toBe(true);
      expect(probe.verdict).toBe(type === 'Liveness' ? true : null);
      expect(probe.hasResult).toBe(false);
    },
  );

  it('is compared with what the kubelet’s status tells', () => {
    const probe = shadow('Readiness');
    probe.isDue(VIEW, 1e6);
    probe.observed(true);
    expect(probe.mismatch(VIEW)).toBe(true);
    expect(probe.mismatch({ ...VIEW, isReady: true })).toBe(false);
    expect(probe.mismatch({ ...VIEW, startedAtMs: null })).toBeNull();
    expect(probe.mismatch({ ...VIEW, id: 'two' })).toBeNull();
    const liveness = shadow('Liveness', { failureThreshold: 1 });
    liveness.isDue(VIEW, 1e6);
    liveness.observed(false);
    // The kubelet would have ended it.
    expect(liveness.mismatch(VIEW)).toBe(true);
    const startup = shadow('Startup');
    startup.isDue({ ...VIEW, hasStarted: false }, 1e6);
    startup.observed(true);
    expect(startup.mismatch({ ...VIEW, hasStarted: false })).toBe(true);
    expect(startup.mismatch(VIEW)).toBe(false);
  });
});
