import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { z } from 'zod';
import { parseYamlConfigs } from '#libs/yaml-config';
import { runCli } from '../../apps/cli/src/cli.ts';
import type { Manifest } from '../../deploy/src/manifest.ts';
import { overlayFindings } from '../../deploy/src/overlay-rules.ts';
import { renderFolder } from '../../deploy/src/render.ts';
import { checkInProcess } from '../support/in-process-check.ts';
import { describeWithKubectl } from '../support/kubectl.ts';

const root = join(import.meta.dirname, '..', '..');
const ENV = {
  NODE_NAME: 'node-1',
  BINNACLE_ENGINE_URL: 'http://engine.example.com:9370',
  BINNACLE_ENGINE_WRITE_URL: 'http://engine.example.com:9370',
};

/** In the repository, as kustomize takes resources by relative paths. */
let folder: string;

beforeEach(async () => {
  const cache = join(root, '.cache');
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(join(cache, 'import-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(name: string, text: string): Promise<void> {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function imported(...args: readonly string[]): Promise<{ code: number; said: string }> {
  let said = '';
  const write = (text: string): void => {
    said += text;
  };
  const io = { out: write, err: write, env: {}, cwd: folder, askService: checkInProcess };
  return { code: await runCli(['import', ...args], io), said };
}

const MANIFESTS = `
apiVersion: v1
kind: List
items:
  - apiVersion: monitoring.coreos.com/v1
    kind: ServiceMonitor
    metadata: {name: web, namespace: shop}
    spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: metrics}]}
  - apiVersion: monitoring.coreos.com/v1
    kind: PrometheusRule
    metadata: {name: web, namespace: shop}
    spec: {groups: [{name: a, rules: [{alert: Down, expr: up == 0}]}]}
  - apiVersion: monitoring.coreos.com/v1alpha1
    kind: AlertmanagerConfig
    metadata: {name: team, namespace: shop}
    spec:
      route: {receiver: chat}
      receivers: [{name: chat, slackConfigs: [{apiURL: {name: slack, key: url}, channel: '#a'}]}]
`;

const PROMETHEUS = `
global: {scrape_interval: 20s, evaluation_interval: 40s, external_labels: {cluster: eu}}
rule_files: [rules/*.yml]
storage: {tsdb: {out_of_order_time_window: 30m, retention: {time: 90d}}}
scrape_configs:
  - {job_name: web, static_configs: [{targets: ['web:80']}]}
  - {job_name: slow, scrape_interval: 1m, static_configs: [{targets: ['slow:80']}]}
  - {job_name: services, kubernetes_sd_configs: [{role: endpoints}]}
  - {job_name: kubernetes-pods, kubernetes_sd_configs: [{role: pod}]}
remote_write: [{url: 'http://mimir/push'}]
`;

type Values = Record<string, unknown>;

function find(objects: readonly Manifest[], kind: string, name: string): Manifest {
  return objects.find((object) => object.kind === kind && object.metadata.name === name)!;
}

function configOf(objects: readonly Manifest[], stem: 'collector' | 'engine'): Values {
  const { data } = find(objects, 'ConfigMap', `binnacle-${stem}-config`);
  const texts = [`${stem}.yml`, `${stem}-imported.yml`].map((file) => ({
    file,
    text: data![file]!,
  }));
  return parseYamlConfigs(texts, z.json(), { env: ENV }) as Values;
}

/** What both services say of the configuration, laid out as their pods have it. */
async function checkAll(objects: readonly Manifest[]): Promise<string> {
  const pod = join(folder, 'pod');
  let said = '';
  for (const [app, stem] of [
    ['collector', 'collector'],
    ['alert-engine', 'engine'],
  ] as const) {
    const mounts: [path: string, map: string][] = [['etc/binnacle', `binnacle-${stem}-config`]];
    if (stem === 'engine') {
      mounts.push(['etc/binnacle-rules', 'binnacle-engine-rules']);
      const { volumes = [] } = find(objects, 'StatefulSet', 'binnacle-engine').spec!.template!.spec;
      for (const { name, projected } of volumes) {
        for (const { configMap } of projected?.sources ?? []) {
          const path = `etc/binnacle-imported/${name.replace('imported-', '')}`;
          if (configMap !== undefined) mounts.push([path, configMap.name]);
        }
      }
    }
    for (const [path, map] of mounts) {
      for (const [name, text] of Object.entries(find(objects, 'ConfigMap', map).data!)) {
        await put(join('pod', path, name), text.replaceAll('/etc/binnacle', `${pod}/etc/binnacle`));
      }
    }
    const main = join(root, 'dist', 'apps', app, 'src', 'main.js');
    const files = [`${stem}.yml`, `${stem}-*.yml`].map(
      (name) => `--config=${pod}/etc/binnacle/${name}`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, [main, '--check', ...files], {
      encoding: 'utf8',
      env: ENV,
    });
    said += stdout + stderr;
  }
  return said;
}

describeWithKubectl('binnacle import with --overlay', () => {
  it('makes of the operator’s objects what kubectl apply -k takes', async () => {
    await put('objects.yml', MANIFESTS);
    const { code, said } = await imported(
      'manifests',
      'objects.yml',
      '--overlay',
      'small',
      '--out',
      'new',
    );
    expect([code, said]).toEqual([0, expect.stringContaining('binnacle-imported-secrets')]);
    expect(said).toContain('is the key shop.slack.url of the Secret');
    const objects = renderFolder(join(folder, 'new'));

    expect(overlayFindings(objects, { isDefault: false })).toEqual([]);

    const collector = configOf(objects, 'collector');
    expect(
      (collector['scrape_configs'] as { job_name: string }[]).map((job) => job.job_name),
    ).toEqual([
      'binnacle-collector',
      'binnacle-engine',
      'kubernetes-pods',
      'serviceMonitor/shop/web/0',
    ]);
    expect((collector['scrape_configs'] as object[]).at(-1)).toMatchObject({
      scrape_interval: '30s',
    });
    expect(collector['outputs']).toEqual({
      remote_write: [{ name: 'engine', url: 'http://engine.example.com:9370/api/v1/write' }],
    });
    expect(configOf(objects, 'engine')['rule_files']).toEqual([
      '/etc/binnacle-rules/*.yml',
      '/etc/binnacle-imported/rules/*.yml',
    ]);
    expect(Object.keys(find(objects, 'ConfigMap', 'binnacle-imported-rules').data!)).toEqual([
      'shop-web.yml',
    ]);
    const alerting = find(objects, 'ConfigMap', 'binnacle-engine-config').data!['alertmanager.yml'];
    expect(alerting).toContain('/etc/binnacle-imported/secrets/shop.slack.url');
    const said2 = await checkAll(objects);
    expect(said2).toMatch(/good; 4 scrape jobs/);
    expect(said2).toMatch(/engine-\*\.yml: good; \d{3} rules in \d+ files, 2 receivers/);
  });

  it('takes one import after the other into the same folder, and a component as well', async () => {
    await put('old/prometheus.yml', PROMETHEUS);
    await put('old/rules/a.yml', `groups: [{name: a, rules: [{record: a:b, expr: sum(up)}]}]\n`);
    // More than one ConfigMap may hold.
    const many = Array.from(
      { length: 900 },
      (_, index) =>
        `  - {alert: A${index}, expr: up == 0, annotations: {summary: ${'x'.repeat(100)}}}`,
    );
    await put('old/rules/b.yml', `groups:\n- name: b\n  rules:\n${many.join('\n')}\n`);
    await put(
      'old/alertmanager.yml',
      'templates: [t/*.tmpl]\nroute: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url_file: hook}]}]\n',
    );
    await put('old/t/a.tmpl', '{{ define "x" }}y{{ end }}');
    const first = await imported(
      'prometheus',
      'old/prometheus.yml',
      '--overlay',
      'none',
      '--out',
      'new',
    );
    expect([first.code, first.said]).toEqual([
      0,
      expect.stringContaining('kubernetes-pods-imported'),
    ]);
    expect(first.said).toContain('note: storage.retention_time: the overlay');
    const second = await imported(
      'alertmanager',
      'old/alertmanager.yml',
      '--overlay',
      'none',
      '--out',
      'new',
    );
    expect(second.code).toBe(0);
    expect(await readFile(join(folder, 'new', 'kustomization.yaml'), 'utf8')).toContain(
      'kind: Component',
    );
    await put(
      'mine/kustomization.yaml',
      'resources: [../../../deploy/overlays/production]\ncomponents: [../new, ../../../deploy/components/auth]\n',
    );
    const objects = renderFolder(join(folder, 'mine'));
    // The right to read Endpoints, which no other job needs, among them.
    expect(overlayFindings(objects, { isDefault: false })).toEqual([]);
    expect(find(objects, 'ClusterRole', 'binnacle-collector-imported')).toBeDefined();
    const collector = configOf(objects, 'collector');
    expect(collector).toMatchObject({
      global: { scrape_interval: '15s' },
      external_labels: { cluster: 'eu' },
    });
    const jobs = collector['scrape_configs'] as Values[];
    expect(jobs.slice(3).map((job) => [job['job_name'], job['scrape_interval']])).toEqual([
      ['web', '20s'],
      ['slow', '1m'],
      ['services', '20s'],
      ['kubernetes-pods-imported', '20s'],
    ]);
    expect(jobs.at(-1)!['relabel_configs']).toEqual([
      { target_label: 'job', replacement: 'kubernetes-pods' },
    ]);
    expect(collector['outputs']).toMatchObject({
      remote_write: [{ name: 'engine' }, { url: 'http://mimir/push' }],
    });
    const engine = configOf(objects, 'engine');
    expect(engine).toMatchObject({
      external_labels: { cluster: 'eu' },
      rules: { evaluation_interval: '40s' },
      storage: { retention_time: '30d', out_of_order_time_window: '30m' },
    });
    expect(await checkAll(objects)).toMatch(/engine-\*\.yml: good; /);
  });

  it('leaves a kustomization of somebody’s own alone, and knows its overlays', async () => {
    await put('objects.yml', MANIFESTS);
    await put('new/kustomization.yaml', 'resources: []\n');
    const args = ['manifests', 'objects.yml', '--out', 'new', '--overlay'] as const;
    expect((await imported(...args, 'small')).said).toContain(
      'kustomization.yaml is there already',
    );
    expect(await imported(...args, 'small', '--force')).toMatchObject({ code: 0 });
    expect(await imported(...args, 'production')).toMatchObject({ code: 0 });
    const { code, said } = await imported(...args, 'gigantic');
    expect([code, said]).toEqual([2, expect.stringContaining('there is no gigantic')]);
  });
});
