import { describe, expect, it } from '@jest/globals';
import { LokiApiError } from './loki-api-error.ts';
import { LokiParameters } from './loki-parameters.ts';

const NOW_MS = 1_700_000_000_000;
const NOW_NS = 1_700_000_000_000_000_000n;

function parameters(query: string, body = ''): LokiParameters {
  return new LokiParameters(new URLSearchParams(query), new URLSearchParams(body), NOW_MS);
}

describe('LokiParameters', () => {
  it.each([
    ['1700000000', NOW_NS],
    ['1700000000.5', NOW_NS + 500_000_000n],
    ['1700000000000000001', NOW_NS + 1n],
    ['2023-11-14T22:13:20Z', NOW_NS],
    ['2023-11-14T22:13:20.000000007Z', NOW_NS + 7n],
    ['2023-11-15T00:13:20.25+02:00', NOW_NS + 250_000_000n],
    ['1.7e9', NOW_NS],
  ])('reads the time %s', (text, timeNs) => {
    const query = new URLSearchParams({ time: text }).toString();
    expect(parameters(query).timeNs('time', 0n)).toBe(timeNs);
  });

  it.each(['yesterday', '-5', '99999999999999999999', '2023-13-41T00:00:00Z', '1.2.3'])(
    'refuses the time %s',
    (text) => {
      expect(() => parameters(`time=${text}`).timeNs('time', 0n)).toThrow(LokiApiError);
    },
  );

  it('has the last hour where nothing is said, or what since says', () => {
    expect(parameters('').range()).toEqual({ startNs: NOW_NS - 3_600_000_000_000n, endNs: NOW_NS });
    expect(parameters('since=5m&end=1600000000').range()).toEqual({
      startNs: 1_600_000_000_000_000_000n - 300_000_000_000n,
      endNs: 1_600_000_000_000_000_000n,
    });
    // An end in the future does not move the start away from now.
    expect(parameters('end=1800000000').range().startNs).toBe(NOW_NS - 3_600_000_000_000n);
    expect(() => parameters('start=1700000000&end=1600000000').range()).toThrow(
      'end timestamp must not be before or equal to start time',
    );
  });

  it('reads steps in seconds and as durations', () => {
    expect(parameters('step=15').durationNs('step')).toBe(15_000_000_000n);
    expect(parameters('step=0.5').durationNs('step')).toBe(500_000_000n);
    expect(parameters('step=1m30s').durationNs('step')).toBe(90_000_000_000n);
    expect(parameters('').durationNs('step')).toBe(0n);
    expect(() => parameters('step=soon').durationNs('step')).toThrow('invalid step');
  });

  it('bounds the number of lines, and prefers the form to the URL', () => {
    expect(parameters('').count('limit', 100, 50)).toBe(50);
    expect(parameters('limit=7', 'limit=8').count('limit', 100, 50)).toBe(8);
    expect(() => parameters('limit=51').count('limit', 100, 50)).toThrow('(51 > 50)');
    expect(() => parameters('limit=0').count('limit', 100, 50)).toThrow('positive value');
    expect(parameters('').direction()).toBe('backward');
    expect(parameters('direction=FORWARD').direction()).toBe('forward');
    expect(() => parameters('direction=up').direction()).toThrow('forward and backward');
  });

  it('reads selectors, of which one may match everything', () => {
    expect(parameters('query={}').selector('query')).toEqual([]);
    expect(parameters('').selector('query')).toEqual([]);
    expect(() => parameters('query={a').selector('query')).toThrow('parse error at line 1, col 3');
  });
});
