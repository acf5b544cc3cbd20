import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { runCli } from '../../apps/cli/src/cli.ts';
import { checkInProcess } from '../support/in-process-check.ts';
import { runToEnd, temporaryFolder } from '../support/processes.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(() => folder.remove());

async function put(name: string, text: string): Promise<void> {
  const file = join(folder.path, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function imported(...args: readonly string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const write = (text: string): void => {
    said += text;
  };
  const io = { out: write, err: write, env: {}, cwd: folder.path, askService: checkInProcess };
  return { code: await runCli(['import', ...args], io), said };
}

async function written(name: string): Promise<Record<string, unknown>> {
  return parse(await readFile(join(folder.path, 'imported', name), 'utf8')) as Record<
    string,
    unknown
  >;
}

const PROMETHEUS = `# the shop's
global:
  scrape_interval: 20s
  evaluation_interval: 40s
  external_labels: {cluster: eu}
rule_files: [rules/*.yaml, gone.yml]
alerting:
  alertmanagers: [{static_configs: [{targets: ['am:9093']}]}]
storage: {tsdb: {out_of_order_time_window: 30m}}
scrape_configs:
  # the front
  - job_name: web
    basic_auth: {username: u, password_file: secrets/web}
    static_configs: [{targets: ['web:80']}]
  - job_name: cloud
    ec2_sd_configs: [{region: x}]
  - job_name: both
    ec2_sd_configs: [{region: x}]
    static_configs: [{targets: ['a:1']}]
  - job_name: limited
    scrape_failure_log_file: /var/log/x
    static_configs: [{targets: ['b:1']}]
remote_write:
  - url: http://mimir/push
    metadata_config: {send: false}
  - url: http://signed/push
    azuread: {cloud: x}
remote_read: [{url: 'http://x/read'}]
`;

const RULES = 'groups: [{name: a, rules: [{record: a:b, expr: sum(up)}]}]\n';

describe('binnacle import prometheus', () => {
  it('divides a prometheus.yml between collector and engine, and names what is left out', async () => {
    await put('old/prometheus.yml', PROMETHEUS);
    await put('old/rules/good.yaml', RULES);
    await put('old/rules/bad.yaml', 'groups: [{name: a, rules: [{record: a:b, expr: sum(}]}]\n');
    const { code, said } = await imported('prometheus', 'old/prometheus.yml');
    expect(code).toBe(1);
    const left = said
      .split('\n')
      .filter((line) => line.startsWith('not taken over: '))
      .map((line) => line.slice('not taken over: old/prometheus.yml:'.length).replace(/: .*/, ''));
    expect(said).toContain(
      'prometheus.yml:6: rule_files[1] (gone.yml): there is no such file here',
    );
    expect(said).toMatch(/prometheus\.yml:15: scrape_configs\[1\] \(cloud\): .*ec2_sd_configs/);
    expect(left).toHaveLength(7);
    const collector = await written('collector.yml');
    expect(collector).toEqual({
      global: { scrape_interval: '20s', external_labels: { cluster: 'eu' } },
      scrape_configs: [
        {
          job_name: 'web',
          basic_auth: { username: 'u', password_file: '../old/secrets/web' },
          static_configs: [{ targets: ['web:80'] }],
        },
        { job_name: 'both', static_configs: [{ targets: ['a:1'] }] },
        { job_name: 'limited', static_configs: [{ targets: ['b:1'] }] },
      ],
      outputs: {
        remote_write: [
          { url: 'http://127.0.0.1:9370/api/v1/write' },
          { url: 'http://mimir/push', metadata_config: { send: false } },
        ],
      },
    });
    expect(await written('engine.yml')).toEqual({
      external_labels: { cluster: 'eu' },
      rules: { evaluation_interval: '40s' },
      storage: { out_of_order_time_window: '30m' },
      rule_files: ['rules/*.yml'],
    });
    expect(await readdir(join(folder.path, 'imported', 'rules'))).toEqual(['good.yml']);
    const text = await readFile(join(folder.path, 'imported', 'collector.yml'), 'utf8');
    expect(text).toContain('# the front');
  });

  it('ends with 0 where everything is taken, and with 2 over what somebody has written', async () => {
    await put(
      'prometheus.yml',
      'scrape_configs: [{job_name: a, static_configs: [{targets: [b]}]}]',
    );
    expect(await imported('prometheus', 'prometheus.yml')).toMatchObject({ code: 0 });
    expect(await imported('prometheus', 'prometheus.yml')).toMatchObject({ code: 0 });
    await put('imported/collector.yml', 'mine');
    const { code, said } = await imported('prometheus', 'prometheus.yml');
    expect(code).toBe(2);
    expect(said).toContain('--force');
    expect(await imported('prometheus', 'prometheus.yml', '--force')).toMatchObject({ code: 0 });
    expect(await imported('prometheus')).toMatchObject({ code: 2 });
    expect(await imported('prometheus', 'none.yml')).toMatchObject({ code: 2 });
  });

  it('writes nothing of what is no YAML', async () => {
    await put('prometheus.yml', 'a: [');
    const { code, said } = await imported('prometheus', 'prometheus.yml');
    expect(code).toBe(1);
    expect(said).toMatch(/^prometheus\.yml:1: /);
    expect(await readdir(join(folder.path, 'imported'))).toEqual([]);
  });

  it('is checked by the services themselves when it is built', async () => {
    await put('prometheus.yml', PROMETHEUS.replace('rules/*.yaml, ', ''));
    const cli = join(import.meta.dirname, '..', '..', 'dist', 'apps', 'cli', 'src', 'main.js');
    const file = join(folder.path, 'prometheus.yml');
    const out = join(folder.path, 'built');
    const end = await runToEnd(process.execPath, [cli, 'import', 'prometheus', file, '--out', out]);
    expect(end.output).toMatch(/scrape_configs\[1\] \(cloud\)/);
    const check = await runToEnd(process.execPath, [
      cli,
      'check',
      'collector',
      join(out, 'collector.yml'),
    ]);
    expect(check.output).toContain('good; 3 scrape jobs');
  }, 120_000);
});

describe('binnacle import alertmanager', () => {
  it('takes templates along, leaves out keys that are refused, and is named by the engine', async () => {
    await put('prometheus.yml', 'global: {evaluation_interval: 30s}');
    await put(
      'am/alertmanager.yml',
      `
templates: ['t/*.tmpl']
route: {receiver: chat}
receivers:
  - name: chat
    slack_configs: [{api_url_file: url, channel: '#a', nobody_knows: 1}]
`,
    );
    await put('am/t/a.tmpl', '{{ define "x" }}y{{ end }}');
    await imported('prometheus', 'prometheus.yml');
    const { code, said } = await imported('alertmanager', 'am/alertmanager.yml');
    expect(code).toBe(1);
    expect(said).toMatch(/alertmanager\.yml:6: receivers\[0\]\.slack_configs\[0\]\.nobody_knows/);
    expect(await written('alertmanager.yml')).toEqual({
      templates: ['templates/a.tmpl'],
      route: { receiver: 'chat' },
      receivers: [{ name: 'chat', slack_configs: [{ api_url_file: '../am/url', channel: '#a' }] }],
    });
    expect(await written('engine.yml')).toEqual({
      rules: { evaluation_interval: '30s' },
      alertmanager_config: 'alertmanager.yml',
    });
  });
});

describe('binnacle import manifests', () => {
  it('makes jobs, rules and routes of the objects in a folder', async () => {
    await put(
      'm/monitors.yaml',
      `
apiVersion: v1
kind: List
items:
  - apiVersion: monitoring.coreos.com/v1
    kind: ServiceMonitor
    metadata: {name: web, namespace: shop}
    spec:
      selector: {matchLabels: {app: web}}
      endpoints:
        - {port: metrics}
        - {port: metrics, bearerTokenFile: /token}
  - {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: web, namespace: shop}
spec: {groups: [{name: a, rules: [{alert: Down, expr: up == 0}]}]}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: bad, namespace: shop}
spec: {groups: [{name: a, rules: [{alert: Down, expr: up ==}]}]}
`,
    );
    await put(
      'm/deep/am.yml',
      `
apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: {name: team, namespace: shop}
spec:
  route: {receiver: chat}
  receivers: [{name: chat, slackConfigs: [{apiURL: {name: slack, key: url}, channel: '#a'}]}]
`,
    );
    await put('m/ignored.txt', 'x: [');
    const { code, said } = await imported('manifests', 'm');
    expect(code).toBe(1);
    expect(said).toMatch(/ServiceMonitor shop\/web: spec\.endpoints\[1\]\.bearerTokenFile: /);
    expect(said).toMatch(/not taken over: .*PrometheusRule shop\/bad: /);
    expect(said).toContain('note: passed over: Deployment');
    expect(said).toContain('secrets/shop/slack/url has to hold url of the Secret shop/slack');
    expect((await written('collector.yml'))['scrape_configs']).toMatchObject([
      { job_name: 'serviceMonitor/shop/web/0' },
    ]);
    expect(await readdir(join(folder.path, 'imported', 'rules'))).toEqual(['shop-web.yml']);
    expect(await written('alertmanager.yml')).toMatchObject({
      route: { receiver: 'none', routes: [{ receiver: 'shop/team/chat', continue: true }] },
    });
    expect(await written('engine.yml')).toEqual({
      rule_files: ['rules/*.yml'],
      alertmanager_config: 'alertmanager.yml',
    });
  });
});
