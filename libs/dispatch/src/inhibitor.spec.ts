import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Labels, matchesAll } from '#libs/labels';
import { type Alert, isResolved } from './alert.ts';
import type { InhibitRule } from './config/alertmanager-config.ts';
import { Inhibitor } from './inhibitor.ts';
import { parseMatchers } from './matchers/parse-matchers.ts';

function rule(source: string, target: string, equal: readonly string[]): InhibitRule {
  return { source: parseMatchers(source), target: parseMatchers(target), equal };
}

const RULES = [
  rule('s="critical"', 's=~"warning|info"', ['n']),
  rule('s=~"critical|warning"', 's=~"warning|info"', ['n', 'm']),
  rule('m="x"', 'n!="a"', []),
];

function alert(s: string, n: string, m: string, endsAtMs: number): Alert {
  const labels = Labels.fromRecord({ s, n, m });
  return {
    labels,
    fingerprint: labels.fingerprint,
    annotations: Labels.EMPTY,
    generatorUrl: '',
    startsAtMs: 0,
    endsAtMs,
    isTimeout: false,
    updatedAtMs: 0,
  };
}

/** Whether any of the alerts holds one back, by looking at each under each rule. */
function isInhibited(labels: Labels, alerts: Iterable<Alert>, nowMs: number): boolean {
  const all = [...alerts].filter((one) => !isResolved(one, nowMs));
  return RULES.some(({ source, target, equal }) => {
    if (!matchesAll(labels, target)) return false;
    const isSource = matchesAll(labels, source);
    return all.some(
      (other) =>
        matchesAll(other.labels, source) &&
        equal.every((name) => other.labels.get(name) === labels.get(name)) &&
        !(isSource && matchesAll(other.labels, target)),
    );
  });
}

const value = fc.constantFrom('', 'a', 'b', 'x');
const severity = fc.constantFrom('critical', 'warning', 'info');

describe('Inhibitor', () => {
  it('says the same as looking at every alert, while alerts come, change and go', () => {
    const step = fc.record({
      isRemoval: fc.boolean(),
      one: fc.tuple(severity, value, value, fc.constantFrom(5, 15)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const inhibitor = new Inhibitor(RULES);
        const known = new Map<string, Alert>();
        for (const { isRemoval, one } of steps) {
          const next = alert(...one);
          if (isRemoval) {
            inhibitor.remove(next);
            known.delete(next.fingerprint);
          } else {
            inhibitor.put(next, known.has(next.fingerprint));
            known.set(next.fingerprint, next);
          }
          for (const nowMs of [0, 10]) {
            for (const { labels, fingerprint } of known.values()) {
              const expected = isInhibited(labels, known.values(), nowMs);
              expect(inhibitor.inhibitorOf(fingerprint, nowMs) !== null).toBe(expected);
              expect(inhibitor.inhibitorOfLabels(labels, nowMs) !== null).toBe(expected);
            }
          }
        }
      }),
    );
  });
});
