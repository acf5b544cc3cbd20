import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { describeWithKubectl } from '../support/kubectl.ts';

const root = join(import.meta.dirname, '..', '..');

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: {
      readonly spec: {
        readonly automountServiceAccountToken: boolean;
        readonly containers: readonly {
          readonly image: string;
          readonly securityContext: Readonly<Record<string, unknown>>;
          readonly resources: { readonly limits: Readonly<Record<string, string>> };
          readonly volumeMounts: readonly { readonly name: string }[];
        }[];
        readonly volumes: readonly {
          readonly name: string;
          readonly configMap?: { readonly name: string };
        }[];
      };
    };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

function render(): Manifest[] {
  const { status, stdout, stderr } = spawnSync(
    'kubectl',
    ['kustomize', join(root, 'deploy', 'base')],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

describeWithKubectl('the kustomize base', () => {
  const manifests = render();

  it('renders few objects, each in a namespace of the base', () => {
    const kinds = manifests.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['DaemonSet', 'StatefulSet', 'Service']));
    expect(manifests.length).toBeLessThanOrEqual(40);
    const namespaces = manifests
      .filter(({ kind }) => kind !== 'Namespace')
      .map(({ metadata }) => metadata.namespace);
    expect(new Set(namespaces)).toEqual(new Set(['binnacle', 'binnacle-nodes']));
  });

  it.each(
    manifests.map((manifest): [string, Manifest] => [
      `${manifest.kind}/${manifest.metadata.name}`,
      manifest,
    ]),
  )('%s is small enough for kubectl apply', (_name, manifest) => {
    expect(JSON.stringify(manifest).length).toBeLessThan(200_000);
  });

  const workloads = manifests.filter(({ spec }) => spec?.template !== undefined);

  it.each(workloads.map((workload): [string, Manifest] => [workload.metadata.name, workload]))(
    '%s drops its rights, has limits, and mounts only what exists',
    (_name, { spec, metadata }) => {
      const pod = spec!.template!.spec;
      expect(pod.automountServiceAccountToken).toBe(false);
      const volumes = new Set([
        ...pod.volumes.map(({ name }) => name),
        ...(spec!.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name),
      ]);
      for (const container of pod.containers) {
        expect(container.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.limits).toHaveProperty('memory');
        for (const { name } of container.volumeMounts) expect(volumes).toContain(name);
      }
      const configMaps = new Set(
        manifests
          .filter(
            (one) => one.kind === 'ConfigMap' && one.metadata.namespace === metadata.namespace,
          )
          .map((one) => one.metadata.name),
      );
      const mounted = pod.volumes.flatMap(({ configMap }) => configMap?.name ?? []);
      expect(mounted.filter((name) => !configMaps.has(name))).toEqual([]);
    },
  );

  it.each(['binnacle-engine-config', 'binnacle-collector-config'])(
    '%s holds the files that lie beside its kustomization',
    (name) => {
      const folder = join(root, 'deploy', 'base', name.split('-')[1]!);
      const { data } = manifests.find(({ metadata }) => metadata.name === name)!;
      for (const [file, text] of Object.entries(data!)) {
        expect(text).toBe(readFileSync(join(folder, file), 'utf8'));
      }
    },
  );
});

describe('the configuration in the base', () => {
  it.each([
    ['alert-engine', 'engine'],
    ['collector', 'collector'],
  ])('is taken by the %s', (app, name) => {
    const main = join(root, 'dist', 'apps', app, 'src', 'main.js');
    const file = join(root, 'deploy', 'base', name, `${name}.yml`);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [main, '--check', '--config', file],
      {
        encoding: 'utf8',
        env: { NODE_NAME: 'node-1' },
      },
    );
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`${name}.yml: good`);
  });
});

describe('the images', () => {
  it.each(['alert-engine', 'collector'])('%s copies what exists and runs as a number', (app) => {
    const text = readFileSync(join(root, 'deploy', 'images', `${app}.Dockerfile`), 'utf8');
    for (const [, sources] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const source of sources!.split(' ')) expect(existsSync(join(root, source))).toBe(true);
    }
    expect(text).toMatch(/^USER 65532:65532$/m);
    const [, entry] = /ENTRYPOINT \["\/app\/bin\/node", "\/app\/(.+)"\]/.exec(text)!;
    const source = entry!.replace(/^dist\//, '').replace(/\.js$/, '.ts');
    expect(existsSync(join(root, source))).toBe(true);
  });
});
