import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { z } from 'zod';
import { parseYamlConfigs } from '#libs/yaml-config';
import type { Manifest } from '../../deploy/src/manifest.ts';
import {
  componentNames,
  overlayNames,
  renderComponents,
  renderOverlay,
} from '../../deploy/src/render.ts';
import { describeWithKubectl } from '../support/kubectl.ts';

const root = join(import.meta.dirname, '..', '..');

const APPS = [
  { app: 'collector', stem: 'collector', map: 'binnacle-collector-config' },
  { app: 'alert-engine', stem: 'engine', map: 'binnacle-engine-config' },
] as const;

type App = (typeof APPS)[number];

/** In the place of what a Secret has: `.crt`, `.key`. */
const CERTIFICATE = join(root, 'test/kube/tls/kubelet');

/** What the environment of the workloads has, as the components and a cluster fill it. */
const ENV = {
  NODE_NAME: 'node-1',
  BINNACLE_ENGINE_URL: 'http://engine.example.com:9370',
  BINNACLE_ENGINE_WRITE_URL: 'http://engine.example.com:9370',
  BINNACLE_ENGINE_STANDBY_URL: 'http://standby.example.com:9370',
  FLUENTD_HOST: 'fluentd.logging.svc',
  FLUENTD_SHARED_KEY: 'key',
  LOKI_URL: 'http://loki.example.com:3100',
  PROMETHEUS_URL: 'http://prometheus.example.com:9090',
};

/** The two configurations, as far as components change them. */
interface Configs {
  readonly collector: {
    outputs: Record<string, object[]>;
    scrape_configs: { job_name: string }[];
    probes: { targets: { name: string }[] };
  };
  readonly engine: { datasources?: object[]; tls?: object };
}

/** What each component that configures something makes of what was there; in the order of their names. */
const ASKS: Readonly<Record<string, (configs: Configs) => void>> = {
  auth: ({ collector }) => {
    Object.assign(collector.outputs['remote_write']![0]!, {
      authorization: { credentials_file: '/etc/binnacle-auth/write' },
    });
  },
  'engine-logs': ({ collector }) => {
    collector.outputs['engine_logs'] = [{ name: 'engine' }];
  },
  'existing-prometheus': ({ collector, engine }) => {
    collector.outputs['remote_write']!.push({
      name: 'existing-prometheus',
      url: 'http://prometheus.example.com:9090/api/v1/write',
    });
    engine.datasources = [
      {
        name: 'existing-prometheus',
        url: 'http://prometheus.example.com:9090',
        rule_files: ['/etc/binnacle-prometheus-rules/*.yml'],
      },
    ];
  },
  fluentd: ({ collector }) => {
    collector.outputs['fluentd'] = [
      {
        name: 'fluentd',
        host: 'fluentd.logging.svc',
        port: 24224,
        tag: 'kubernetes',
        shared_key: 'key',
      },
    ];
  },
  loki: ({ collector }) => {
    collector.outputs['loki'] = [
      { name: 'loki', url: 'http://loki.example.com:3100/loki/api/v1/push' },
    ];
  },
  standby: ({ collector }) => {
    Object.assign(collector.outputs['remote_write']![0]!, {
      replica_urls: ['http://standby.example.com:9370/api/v1/write'],
    });
  },
  tls: ({ collector, engine }) => {
    const tls = { tls_config: { ca_file: '/etc/binnacle-engine-ca/ca.crt' } };
    const named = {
      tls_config: { ...tls.tls_config, server_name: 'binnacle-engine.binnacle.svc' },
    };
    Object.assign(collector.outputs['remote_write']![0]!, named);
    Object.assign(
      collector.scrape_configs.find((job) => job.job_name === 'binnacle-engine')!,
      { scheme: 'https', ...named },
    );
    Object.assign(
      collector.probes.targets.find(({ name }) => name === 'binnacle-engine')!,
      { http: tls },
    );
    engine.tls = { cert_file: '/etc/binnacle-tls/tls.crt', key_file: '/etc/binnacle-tls/tls.key' };
  },
};

const CONFIGURING = Object.keys(ASKS);

function keysOf(objects: readonly Manifest[], { map }: App): Readonly<Record<string, string>> {
  return objects.find(({ metadata }) => metadata.name === map)!.data!;
}

/** What an app reads of its ConfigMap, its main file first. */
function textsOf(objects: readonly Manifest[], app: App): { file: string; text: string }[] {
  const main = `${app.stem}.yml`;
  const keys = keysOf(objects, app);
  const more = Object.keys(keys).filter((file) => file.startsWith(`${app.stem}-`));
  return [main, ...more.toSorted()].map((file) => ({ file, text: keys[file]! }));
}

function configsOf(objects: readonly Manifest[]): Configs {
  const [collector, engine] = APPS.map((app) =>
    parseYamlConfigs(textsOf(objects, app), z.json(), { env: ENV }),
  );
  return { collector, engine } as unknown as Configs;
}

/** None, each, every pair, and all of them. */
function combinations(names: readonly string[]): (readonly string[])[] {
  const pairs = names.flatMap((a, index) => names.slice(index + 1).map((b) => [a, b]));
  return [[], ...names.map((name) => [name]), ...pairs, names];
}

describeWithKubectl('the configuration of components', () => {
  const base = renderComponents([]);

  it('is known here for each of them that has some', () => {
    const configuring = componentNames().filter((name) => {
      const objects = renderComponents([name]);
      return APPS.some((app) => textsOf(objects, app).length > textsOf(base, app).length);
    });
    expect(configuring.toSorted()).toEqual(CONFIGURING.toSorted());
  });

  it.each(combinations(CONFIGURING).map((names) => [names.join(', '), names] as const))(
    'of [%s] is the base’s and what each asks for',
    (_title, names) => {
      const expected = structuredClone(configsOf(base));
      for (const name of names) ASKS[name]!(expected);
      expect(configsOf(renderComponents(names))).toEqual(expected);
    },
  );
});

describeWithKubectl('the configuration in manifests', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'binnacle-manifests-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What an app says of each configuration: that of one place is often that of another. */
  const verdicts = new Map<string, SpawnSyncReturns<string>>();

  function checked(
    app: App,
    files: Readonly<Record<string, string>>,
    args: readonly string[],
  ): SpawnSyncReturns<string> {
    const key = JSON.stringify([app.app, files, args]);
    const known = verdicts.get(key);
    if (known !== undefined) return known;
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, name), text.replaceAll('/etc/binnacle-tls/tls', CERTIFICATE));
    }
    const main = join(root, 'dist', 'apps', app.app, 'src', 'main.js');
    const verdict = spawnSync(
      process.execPath,
      [main, '--check', ...args.map((arg) => arg.replace('/etc/binnacle', folder))],
      { encoding: 'utf8', env: ENV },
    );
    verdicts.set(key, verdict);
    return verdict;
  }

  const places: readonly (readonly [string, () => readonly Manifest[]])[] = [
    ...overlayNames().map((name) => [`overlay ${name}`, () => renderOverlay(name)] as const),
    ...CONFIGURING.map((name) => [`component ${name}`, () => renderComponents([name])] as const),
    ['all components', () => renderComponents(CONFIGURING)],
    ['all components over production', () => renderComponents(CONFIGURING, 'overlays/production')],
  ];

  it.each(places)('of %s is taken by both apps, as their arguments name it', (_name, render) => {
    const objects = render();
    for (const app of APPS) {
      const args = containerArgs(objects, app).filter((arg) => arg.startsWith('--config='));
      expect(args).toHaveLength(2);
      const { status, stdout, stderr } = checked(app, keysOf(objects, app), args);
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`${app.stem}-*.yml: good`);
    }
  });
});

function containerArgs(objects: readonly Manifest[], { stem }: App): readonly string[] {
  const { spec } = objects.find(
    ({ kind, metadata }) =>
      metadata.name === `binnacle-${stem}` && ['DaemonSet', 'StatefulSet'].includes(kind),
  )!;
  return spec!.template!.spec.containers[0]!.args ?? [];
}
