import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Dispatcher, parseAlertmanagerConfig } from '#libs/dispatch';
import { formatDurationMs, Labels } from '#libs/labels';
import { parseRuleTestFile } from '#libs/rule-tools';
import { describe, expect, it } from '@jest/globals';
import { runCli } from '../../apps/cli/src/cli.ts';
import {
  defaultRuleFiles,
  defaultRules,
  defaultRuleTests,
  describeAlertsList,
  parseAlertsList,
  rulesFolder,
  runbooksFolder,
} from '../support/default-rules.ts';
import { describeWithPeers } from '../support/peers.ts';

const ALERTMANAGER = join(rulesFolder, '..', 'base', 'engine', 'alertmanager.yml');
const LETTER_OF: Record<string, string> = { critical: 'C', warning: 'W', info: 'I' };

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    env: {},
    cwd: rulesFolder,
  });
  return { code, out, err };
}

const alerts = defaultRules().filter((rule) => rule.kind === 'alerting');

function rulesOf(name: string): typeof alerts {
  return alerts.filter((rule) => rule.name === name);
}

function severityOf(rule: (typeof alerts)[number]): string {
  return rule.labels.find(([name]) => name === 'severity')?.[1] ?? '';
}

/** Fires all these at once; the name of each that is not held back. */
function told(labelSets: readonly Record<string, string>[]): string[] {
  const text = readFileSync(ALERTMANAGER, 'utf8');
  const dispatcher = new Dispatcher(parseAlertmanagerConfig(text, ALERTMANAGER));
  const incoming = labelSets.map((labels) => ({
    labels: Labels.fromRecord(labels),
    annotations: Labels.EMPTY,
    generatorUrl: '',
    startsAtMs: 0,
    endsAtMs: 1e12,
  }));
  dispatcher.accept(incoming, 1_000);
  dispatcher.decide(1_000);
  return [...dispatcher.alerts()]
    .filter((alert) => dispatcher.statusOf(alert, 1_000).state === 'active')
    .map((alert) => alert.labels.get('alertname') ?? '')
    .toSorted();
}

const POD = { namespace: 'shop', pod: 'cart-1', node: 'n1', workload: 'cart' };

function warning(alertname: string, labels: Record<string, string>): Record<string, string> {
  return { alertname, severity: 'warning', ...labels };
}

describe('the default rules', () => {
  it('have no findings of any lint', async () => {
    const { code, err } = await run(
      'check',
      'rules',
      '--lint',
      'all',
      '--lint-fatal',
      ...defaultRuleFiles(),
    );
    expect([code, err]).toEqual([0, '']);
  });

  it('pass their unit tests, which reach every one of them', async () => {
    const { code, out, err } = await run('test', 'rules', ...defaultRuleTests());
    expect([code, err]).toEqual([0, '']);
    const [, reached, all] = /COVERAGE: (\d+) of (\d+)/.exec(out)!;
    expect(Number(all)).toBe(defaultRules().length);
    expect(reached).toBe(all);
  });

  it('have a case that fires and one that does not for each alert', () => {
    const fires = new Set<string>();
    const quiet = new Set<string>();
    for (const file of defaultRuleTests()) {
      for (const test of parseRuleTestFile(readFileSync(file, 'utf8'), file).tests) {
        for (const { alertName, firing } of test.alertTests) {
          (firing.length > 0 ? fires : quiet).add(alertName);
        }
      }
    }
    const names = [...new Set(alerts.map(({ name }) => name))];
    expect(names.filter((name) => !fires.has(name))).toEqual([]);
    // One fires always; that is what it is for.
    expect(names.filter((name) => !quiet.has(name))).toEqual(['Watchdog']);
  });

  it('have a summary, a description, a severity and a runbook page each', () => {
    for (const rule of alerts) {
      const annotations = new Map(rule.annotations);
      expect([rule.name, annotations.get('runbook_url')]).toEqual([
        rule.name,
        `docs/runbooks/${rule.name}.md`,
      ]);
      expect(annotations.get('summary')).toBeTruthy();
      expect(annotations.get('description')).toBeTruthy();
      expect(severityOf(rule)).toMatch(/^(critical|warning|info|none)$/);
      const page = join(runbooksFolder, `${rule.name}.md`);
      expect([page, existsSync(page)]).toEqual([page, true]);
      for (const part of ['What it means', 'What to look at', 'What to do']) {
        expect(readFileSync(page, 'utf8')).toContain(`## ${part}\n`);
      }
    }
  });
});

describeAlertsList('the list of alerts', (list) => {
  const listed = parseAlertsList(list);

  it('is complete', () => {
    expect(listed.length).toBeGreaterThan(100);
    expect(listed.filter(({ name }) => rulesOf(name).length === 0)).toEqual([]);
  });

  it.each(listed.filter(({ severities }) => severities.length > 0))(
    'has the severities of $name',
    ({ name, severities }) => {
      const letters = rulesOf(name).map((rule) => LETTER_OF[severityOf(rule)] ?? '');
      expect([...new Set(letters)].toSorted()).toEqual([...new Set(severities)].toSorted());
    },
  );

  it.each(listed.filter(({ durations }) => durations.length > 0))(
    'has the times of $name',
    ({ name, durations }) => {
      const times = rulesOf(name).map(({ holdMs }) =>
        holdMs === 0 ? '0m' : formatDurationMs(holdMs),
      );
      expect(times.toSorted()).toEqual(durations.toSorted());
    },
  );
});

describe('the default alertmanager.yml', () => {
  it('is accepted', async () => {
    const { code, err } = await run('check', 'alertmanager', ALERTMANAGER);
    expect([code, err]).toEqual([0, '']);
  });

  it.each([
    ['critical', 'critical'],
    ['warning', 'warning'],
    ['info', 'info'],
  ])('routes %s', async (severity, receiver) => {
    const { code, out, err } = await run('routes', 'test', ALERTMANAGER, `severity=${severity}`);
    expect([code, err, out.trim()]).toEqual([0, '', receiver]);
  });

  it('tells whoever hears of warnings that a kubelet is down', async () => {
    const labels = ['alertname=TargetDown', 'severity=warning', 'job=kubelet'];
    const { code, out, err } = await run('routes', 'test', ALERTMANAGER, ...labels);
    expect([code, err, out.trim()]).toEqual([0, '', 'warning']);
  });

  it.each([
    [
      'a node that is down and its pods',
      [warning('KubeNodeNotReady', { node: 'n1' }), warning('KubePodNotReady', POD)],
      ['KubeNodeNotReady'],
    ],
    [
      'a node that is down and pods of another',
      [warning('KubeNodeNotReady', { node: 'n2' }), warning('KubePodNotReady', POD)],
      ['KubeNodeNotReady', 'KubePodNotReady'],
    ],
    [
      'a rollout that is stuck, its replicas and the cause',
      [
        warning('KubeDeploymentRolloutStuck', { namespace: 'shop', workload: 'cart' }),
        warning('KubeDeploymentReplicasMismatch', { namespace: 'shop', workload: 'cart' }),
        warning('ImagePullFailing', POD),
        warning('KubeContainerWaiting', POD),
      ],
      ['ImagePullFailing', 'KubeDeploymentRolloutStuck'],
    ],
    [
      'a cause and its symptom',
      [warning('ContainerOOMKilled', POD), warning('KubePodCrashLooping', POD)],
      ['ContainerOOMKilled'],
    ],
    [
      'all kubelets down and one of them',
      [
        { alertname: 'KubeletDown', severity: 'critical', job: 'kubelet' },
        warning('TargetDown', { job: 'kubelet', instance: 'n1' }),
        warning('TargetDown', { job: 'cart', instance: 'a' }),
      ],
      ['KubeletDown', 'TargetDown'],
    ],
    [
      'an engine that waits, and one that should not',
      [
        { alertname: 'EngineStandby', severity: 'none', workload: 'binnacle-engine-standby' },
        ...['binnacle-engine', 'binnacle-engine-standby'].map((workload) =>
          warning('KubeStatefulSetReplicasMismatch', { namespace: 'binnacle', workload }),
        ),
        warning('PodReadinessProbeFailing', {
          namespace: 'binnacle',
          pod: 'binnacle-engine-standby-0',
          workload: 'binnacle-engine-standby',
        }),
      ],
      ['EngineStandby', 'KubeStatefulSetReplicasMismatch'],
    ],
    [
      'a node that is down and its kubelet',
      [
        warning('KubeNodeNotReady', { node: 'n1' }),
        warning('KubeletInstanceUnreachable', { job: 'kubelet', instance: 'n1', node: 'n1' }),
        warning('TargetDown', { job: 'kubelet', instance: 'n1', node: 'n1' }),
      ],
      ['KubeNodeNotReady'],
    ],
    [
      'a critical and a warning alert of the same name and namespace',
      [
        { alertname: 'X', severity: 'critical', namespace: 'shop' },
        warning('X', { namespace: 'shop' }),
        warning('X', { namespace: 'other' }),
      ],
      ['X', 'X'],
    ],
    [
      'information alone',
      [
        { alertname: 'InfoInhibitor', severity: 'none', namespace: 'shop' },
        { alertname: 'CPUThrottlingHigh', severity: 'info', namespace: 'shop' },
      ],
      ['InfoInhibitor'],
    ],
  ])('tells what matters of %s', (_name, firing, expected) => {
    expect(told(firing)).toEqual(expected);
  });
});

describeWithPeers('Debian’s tools', ['promtool', 'amtool'], ([promtool = '', amtool = '']) => {
  it('accept the rules and the routes', () => {
    const rules = spawnSync(promtool, ['check', 'rules', ...defaultRuleFiles()], {
      encoding: 'utf8',
    });
    expect([rules.status, rules.stderr]).toEqual([0, '']);
    const routes = spawnSync(amtool, ['check-config', ALERTMANAGER], { encoding: 'utf8' });
    expect([routes.status, routes.stderr]).toEqual([0, '']);
  });
});
