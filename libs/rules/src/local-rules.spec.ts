import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parseRuleFile } from './parse-rule-file.ts';
import { type InputSeries, RuleWorld } from './testing/rule-world.ts';

const MINUTE = 60_000;
const TEXT = readFileSync(
  new URL('../../../deploy/local/local.rules.yml', import.meta.url),
  'utf8',
);
const NODE = 'job="node",instance="h"';
const ROOT = `${NODE},device="/dev/sda1",mountpoint="/",fstype="ext4"`;
const GIB = 1024 ** 3;

/** Minutes enough for every `for` and every range. */
const MINUTES = 240;

function constant(series: string, value: number): InputSeries {
  return { series, values: `${value}x${MINUTES}` };
}

function falling(series: string, from: number, perMinute: number): InputSeries {
  return { series, values: `${from}-${perMinute}x${MINUTES}` };
}

function disk(avail: InputSeries, readonly = 0): InputSeries[] {
  return [
    avail,
    constant(`node_filesystem_size_bytes{${ROOT}}`, 100 * GIB),
    constant(`node_filesystem_readonly{${ROOT}}`, readonly),
  ];
}

function counter(level: string, perMinute: number): InputSeries {
  return {
    series: `binnacle_log_lines_total{${NODE},level="${level}"}`,
    values: `0+${perMinute}x${MINUTES}`,
  };
}

function logs(errorsPerMinute: number, linesPerMinute: number): InputSeries[] {
  return [counter('error', errorsPerMinute), counter('info', linesPerMinute)];
}

const AVAIL = `node_filesystem_avail_bytes{${ROOT}}`;

/** Alerts with their severity that fire after four hours of this, the Watchdog left out. */
const CASES: readonly (readonly [string, readonly InputSeries[], readonly string[]])[] = [
  ['nothing at all', [], []],
  ['a target that is down', [constant(`up{${NODE}}`, 0)], ['TargetDown warning']],
  ['a target that is up', [constant(`up{${NODE}}`, 1)], []],
  [
    'a probe that fails',
    [
      constant('probe_success{job="probes",instance="http://x"}', 0),
      constant('probe_duration_seconds{job="probes",instance="http://x"}', 0.25),
    ],
    ['ActiveProbeDown critical'],
  ],
  ['a probe that succeeds', [constant('probe_success{job="probes",instance="http://x"}', 1)], []],
  ['half a disk, not changing', disk(constant(AVAIL, 50 * GIB)), []],
  [
    'a disk that fills within the day',
    disk(falling(AVAIL, 45 * GIB, 0.06 * GIB)),
    ['NodeFilesystemSpaceFillingUp warning'],
  ],
  ['a disk that fills within the month', disk(falling(AVAIL, 35 * GIB, 0.0005 * GIB)), []],
  ['a large disk that fills quickly but has room', disk(falling(AVAIL, 95 * GIB, 0.06 * GIB)), []],
  [
    'a disk with little left',
    disk(constant(AVAIL, 8 * GIB)),
    ['NodeFilesystemAlmostOutOfSpace warning'],
  ],
  [
    'a disk with next to nothing left',
    disk(constant(AVAIL, 2 * GIB)),
    ['NodeFilesystemAlmostOutOfSpace critical', 'NodeFilesystemAlmostOutOfSpace warning'],
  ],
  ['a full disk that nobody can write to', disk(constant(AVAIL, 0), 1), []],
  [
    'memory nearly used up',
    [
      constant(`node_memory_MemAvailable_bytes{${NODE}}`, 0.5 * GIB),
      constant(`node_memory_MemTotal_bytes{${NODE}}`, 16 * GIB),
    ],
    ['NodeMemoryHighUtilization warning'],
  ],
  [
    'memory with room',
    [
      constant(`node_memory_MemAvailable_bytes{${NODE}}`, 4 * GIB),
      constant(`node_memory_MemTotal_bytes{${NODE}}`, 16 * GIB),
    ],
    [],
  ],
  ['one in ten log lines an error', logs(60, 540), ['LogErrorRateHigh warning']],
  ['one in a thousand log lines an error', logs(1, 999), []],
  ['errors only, but one every half hour', logs(0.03, 0), []],
];

describe('the rules of `npm start`', () => {
  it.each(CASES)('with %s', async (_, input, expected) => {
    const world = new RuleWorld();
    world.feed(input);
    await world.load(TEXT, 0, 'local.yml');
    await world.rounds(0, MINUTES * MINUTE, 5 * MINUTE);
    const firing = world.sent
      .filter(({ atMs, alert }) => alert.endsAtMs > atMs && atMs >= (MINUTES - 2) * MINUTE)
      .map(({ alert }) => `${alert.labels.get('alertname')} ${alert.labels.get('severity')}`);
    expect([...new Set(firing)].toSorted()).toEqual([...expected, 'Watchdog none'].toSorted());
    const texts = world.sent.flatMap(({ alert }) => [...alert.annotations.flat]);
    expect(texts.filter((text) => /<no value>|<error|NaN/.test(text))).toEqual([]);
    const errors = world.manager.groups.flatMap((group) =>
      group.rules.map(({ health }) => health.lastError),
    );
    expect(errors.filter((error) => error !== '')).toEqual([]);
  });
  it('have a summary, a description and a severity each', () => {
    const alerts = parseRuleFile(TEXT, { file: 'local.yml' })
      .groups.flatMap((group) => group.rules)
      .filter((rule) => rule.kind === 'alerting');
    for (const alert of alerts) {
      expect(alert.annotations.map(([name]) => name)).toEqual(['description', 'summary']);
      expect(alert.labels.map(([name]) => name)).toEqual(['severity']);
    }
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(7);
  });
});
