import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { annotatedPodsJob } from '../../apps/collector/src/discovery/annotated-pods.ts';
import { baseCollector, generatedFiles, jobsOf } from '../../deploy/src/generated.ts';
import { type Container, containersOf, type Manifest } from '../../deploy/src/manifest.ts';
import { figuresOf, overlayFindings } from '../../deploy/src/overlay-rules.ts';
import {
  componentNames,
  DEFAULT_OVERLAY,
  overlayNames,
  renderComponents,
  renderOverlay,
} from '../../deploy/src/render.ts';
import { NEEDS_ROOT } from '../../deploy/src/rules-of-pods.ts';
import { describeWithKubectl } from '../support/kubectl.ts';

const root = join(import.meta.dirname, '..', '..');

function findingsOf(objects: readonly Manifest[], isDefault = false): string[] {
  return overlayFindings(objects, { isDefault });
}

function volumeOfData(objects: readonly Manifest[]): unknown {
  return objects
    .find(({ kind }) => kind === 'DaemonSet')
    ?.spec?.template?.spec.volumes?.find(({ name }) => name === 'data');
}

describe('generated manifests', () => {
  it.each([...generatedFiles()])('%s is what is generated', (file, text) => {
    expect(readFileSync(join(root, file), 'utf8')).toBe(text);
  });
});

describe('the jobs of the base', () => {
  const jobs = jobsOf(baseCollector());

  it('are the collector, the engine, and annotated pods as they are scraped without any job', () => {
    expect(jobs?.map(({ jobName }) => jobName)).toEqual([
      'binnacle-collector',
      'binnacle-engine',
      'kubernetes-pods',
    ]);
    expect(jobs?.at(-1)).toEqual(annotatedPodsJob());
  });
});

describeWithKubectl('overlays and components', () => {
  it.each(overlayNames())('overlay %s breaks no rule', (name) => {
    expect(findingsOf(renderOverlay(name), name === DEFAULT_OVERLAY)).toEqual([]);
  });

  it.each(componentNames())('the base with component %s breaks no rule', (name) => {
    expect(findingsOf(renderComponents([name]))).toEqual([]);
  });

  it('takes the components together that do not exclude each other', () => {
    const excluded = new Set(['node-state', 'dashboards']);
    const names = componentNames().filter((name) => !excluded.has(name));
    expect(names.length).toBeGreaterThan(10);
    expect(findingsOf(renderComponents(names))).toEqual([]);
  });

  it.each([
    ['small', []],
    ['production', ['own-data']],
    ['openshift', ['collector']],
  ])('in %s these containers run as root: %j', (name, roots) => {
    const objects = renderOverlay(name);
    const found = objects.flatMap(({ spec }) =>
      spec?.template === undefined
        ? []
        : containersOf(spec.template.spec)
            .filter(
              ({ securityContext }) =>
                (securityContext?.runAsUser ??
                  spec.template!.spec.securityContext?.runAsUser ??
                  0) === 0,
            )
            .map((container) => container.name),
    );
    expect(found).toEqual(roots);
  });

  it('production keeps the data of collectors on the node and of the engine on a larger volume', () => {
    const [small, production] = ['small', 'production'].map((name) => renderOverlay(name));
    expect(volumeOfData(small!)).toEqual({ name: 'data', emptyDir: { sizeLimit: '2Gi' } });
    expect(volumeOfData(production!)).toEqual({
      name: 'data',
      hostPath: { path: '/var/lib/binnacle-collector', type: 'DirectoryOrCreate' },
    });
  });
});

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

/** A pod's template with what has no order sorted by name. */
function sortedPod(objects: readonly Manifest[], name: string): unknown {
  const { template } = objects.find(
    ({ metadata, spec }) => metadata.name === name && spec?.template !== undefined,
  )!.spec!;
  const { containers, volumes = [], ...rest } = template!.spec;
  return {
    ...rest,
    volumes: volumes.toSorted(byText),
    containers: containers.map((container) =>
      Object.assign({}, container, {
        env: container.env?.toSorted(byText),
        volumeMounts: container.volumeMounts?.toSorted(byText),
      }),
    ),
  };
}

describeWithKubectl('components in any order', () => {
  const further = ['auth', 'existing-prometheus', 'rule-objects', 'tls'];

  it.each([
    ['before', ['standby', ...further]],
    ['after', [...further, 'standby']],
  ])('a standby that comes %s the others is what the engine is', (_when, names) => {
    const objects = renderComponents(names, 'overlays/production');
    const [first, second] = ['binnacle-engine', 'binnacle-engine-standby'].map((name) =>
      sortedPod(objects, name),
    );
    expect(second).toEqual(first);
    const text = JSON.stringify(second);
    for (const word of ['HTTPS', 'binnacle-auth', 'binnacle-engine-tls', 'binnacle-postgres'])
      expect(text).toContain(word);
    expect(findingsOf(objects)).toEqual([]);
    const claims = objects
      .filter(({ kind }) => kind === 'StatefulSet')
      .map(({ spec }) => spec!.volumeClaimTemplates);
    expect(claims[1]).toEqual(claims[0]);
    const { env = [] } = objects.find(({ kind }) => kind === 'DaemonSet')!.spec!.template!.spec
      .containers[0]!;
    expect(env.find(({ name }) => name === 'BINNACLE_ENGINE_SCHEME')).toMatchObject({
      value: 'https',
    });
  });

  it.each([[['tls', 'grafana']], [['grafana', 'tls']]])(
    'Grafana asks the engine over TLS: %j',
    (names) => {
      expect(JSON.stringify(sortedPod(renderComponents(names), 'binnacle-grafana'))).toContain(
        '{"name":"BINNACLE_URL","value":"https://binnacle-engine:9370"}',
      );
    },
  );
});

type Mutable<T> = { -readonly [K in keyof T]: Mutable<T[K]> };
type Objects = Mutable<Manifest>[];

function one(objects: Objects, kind: string, name = ''): Mutable<Manifest> {
  return objects.find((object) => object.kind === kind && object.metadata.name.includes(name))!;
}

function pod(objects: Objects, kind: string): Mutable<NonNullable<Manifest['spec']>>['template'] {
  return one(objects, kind).spec!.template;
}

const CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'x', labels: { 'app.kubernetes.io/part-of': 'binnacle' } },
};

const REFUSED: readonly [name: string, breakIt: (objects: Objects) => unknown, words: string][] = [
  [
    'more than 40 objects',
    (all) => {
      for (let i = all.length; i < 41; i++) {
        const map = structuredClone(one(all, 'ConfigMap'));
        map.metadata.name = `more-${String(i)}`;
        all.push(map);
      }
    },
    '41 objects',
  ],
  [
    'a third image',
    (all) => {
      const more = structuredClone(pod(all, 'StatefulSet')!.spec.containers[0]!);
      pod(all, 'StatefulSet')!.spec.containers.push({ ...more, name: 'x', image: 'x:1' });
    },
    '3 images',
  ],
  ['a CRD', (all) => all.push(CRD), 'no CRDs'],
  [
    'a secret',
    (all) => all.push({ ...one(all, 'ConfigMap'), kind: 'Secret', apiVersion: 'v1' }),
    'secrets are named',
  ],
  [
    'an object over 200 KB',
    (all) => (one(all, 'ConfigMap').data = { 'x.yml': 'x'.repeat(200_001) }),
    'at most 200,000',
  ],
  ['no label', (all) => delete one(all, 'Service').metadata.labels, 'by which it is uninstalled'],
  ['a second one', (all) => all.push(one(all, 'Service')), 'is there twice'],
  [
    'no namespace',
    (all) => (one(all, 'Service').metadata.namespace = 'default'),
    'in no namespace of the overlay',
  ],
  [
    'a selector that selects nothing',
    (all) => (one(all, 'Service').spec!.selector = { app: 'x' }),
    'selects no pod',
  ],
  [
    'an open namespace',
    (all) =>
      all.splice(
        all.findIndex(({ metadata }) => metadata.name === 'default-deny-ingress'),
        1,
      ),
    'no NetworkPolicy closes it',
  ],
  [
    'the network of the node',
    (all) => (pod(all, 'DaemonSet')!.spec.hostNetwork = true),
    'shares a namespace of the node',
  ],
  [
    'a setting of the kernel that is not safe',
    (all) =>
      (pod(all, 'DaemonSet')!.spec.securityContext!.sysctls = [
        { name: 'net.core.somaxconn', value: '1024' },
      ]),
    'sets net.core.somaxconn',
  ],
  [
    'a variable that is not there yet',
    (all) =>
      pod(all, 'DaemonSet')!.spec.containers[0]!.env!.unshift({
        name: 'EARLY',
        value: '$(NODE_NAME)',
      }),
    'EARLY needs NODE_NAME before it',
  ],
  [
    'no seccomp',
    (all) => delete pod(all, 'DaemonSet')!.spec.securityContext!.seccompProfile,
    'seccomp',
  ],
  [
    'a token by default',
    (all) => delete pod(all, 'StatefulSet')!.spec.automountServiceAccountToken,
    'does not say whether it wants a token',
  ],
  [
    'root',
    (all) => (pod(all, 'DaemonSet')!.spec.securityContext!.runAsUser = 0),
    'may run as root',
  ],
  [
    'the right to be root',
    (all) => delete pod(all, 'StatefulSet')!.spec.securityContext!.runAsNonRoot,
    'may run as root',
  ],
  ['privileged', (all) => (security(all).privileged = true), 'is privileged'],
  ['gaining rights', (all) => delete security(all).allowPrivilegeEscalation, 'may gain rights'],
  [
    'a writable image',
    (all) => (security(all).readOnlyRootFilesystem = false),
    'may write to its image',
  ],
  ['capabilities', (all) => delete security(all).capabilities, 'keeps capabilities'],
  ['another capability', (all) => (security(all).capabilities!.add = ['NET_RAW']), 'gets NET_RAW'],
  [
    'a capability that root is not known to need',
    (all) => {
      pod(all, 'DaemonSet')!.metadata.annotations = { [NEEDS_ROOT]: 'why' };
      security(all).capabilities!.add = ['SYS_ADMIN'];
    },
    'gets SYS_ADMIN',
  ],
  [
    'no memory limit',
    (all) => delete pod(all, 'DaemonSet')!.spec.containers[0]!.resources!.limits,
    'no memory limit',
  ],
  [
    'no CPU request',
    (all) => delete pod(all, 'DaemonSet')!.spec.containers[0]!.resources!.requests,
    'requests no CPU',
  ],
  [
    'the latest image',
    (all) => (pod(all, 'DaemonSet')!.spec.containers[0]!.image = 'binnacle/collector:latest'),
    'without a version',
  ],
  [
    'the default service account',
    (all) => delete pod(all, 'StatefulSet')!.spec.serviceAccountName,
    'no ServiceAccount of its own',
  ],
  [
    'an unknown priority',
    (all) => (pod(all, 'StatefulSet')!.spec.priorityClassName = 'x'),
    'no PriorityClass x',
  ],
  [
    'a ConfigMap that is missing',
    (all) => (one(all, 'ConfigMap', 'engine-rules').metadata.name = 'x'),
    'no ConfigMap binnacle-engine-rules',
  ],
  [
    'a mount of nothing',
    (all) => (pod(all, 'DaemonSet')!.spec.containers[0]!.volumeMounts![0]!.name = 'x'),
    'mounts x, which does not exist',
  ],
  [
    'a folder of the node where it is forbidden',
    (all) => pod(all, 'StatefulSet')!.spec.volumes!.push({ name: 'x', hostPath: { path: '/' } }),
    'pod-security level forbids',
  ],
  [
    'a looser namespace than needed',
    (all) =>
      (one(all, 'Namespace').metadata.labels!['pod-security.kubernetes.io/enforce'] = 'baseline'),
    'is not restricted',
  ],
  ['a wildcard', (all) => role(all).push({ apiGroups: ['*'], resources: ['x'] }), 'a wildcard'],
  ['reading secrets', (all) => grant(all, 'secrets', 'get'), 'grants secrets'],
  ['nodes/proxy', (all) => grant(all, 'nodes/proxy', 'get'), 'grants nodes/proxy'],
  ['exec', (all) => grant(all, 'pods/exec', 'create'), 'grants pods/exec'],
  ['impersonation', (all) => grant(all, 'users', 'impersonate'), 'the verb impersonate'],
  [
    'a right that no code asks for',
    (all) => grant(all, 'configmaps', 'list'),
    'nothing asks for list configmaps',
  ],
  [
    'a job of a component that asks for more',
    (all) => {
      const { data } = one(all, 'ConfigMap', 'collector-config');
      const job = { job_name: 'more', kubernetes_sd_configs: [{ role: 'endpoints' }] };
      data!['collector-more.yml'] = JSON.stringify({ scrape_configs: [job] });
    },
    'does not grant list endpoints',
  ],
  [
    'a right too few',
    (all) => (one(all, 'ClusterRole').rules = role(all).slice(1)),
    'does not grant get nodes/metrics',
  ],
  [
    'a field that Kubernetes does not have',
    (all) => Object.assign(one(all, 'StatefulSet').spec!, { replica: 1 }),
    '.spec.replica is not a field that Kubernetes 1.30, 1.31, 1.32, 1.33, 1.34, 1.35, 1.36 has',
  ],
  [
    'a field that older versions do not have',
    (all) =>
      Object.assign(pod(all, 'StatefulSet')!.spec.containers[0]!, {
        restartPolicyRules: [{ action: 'Restart' }],
      }),
    'restartPolicyRules is not a field that Kubernetes 1.30, 1.31, 1.32, 1.33 has',
  ],
  [
    'a missing field',
    (all) => delete (one(all, 'StatefulSet').spec as { selector?: unknown }).selector,
    '.spec.selector is required',
  ],
  [
    'a wrong type',
    (all) => Object.assign(one(all, 'StatefulSet').spec!, { replicas: '1' }),
    '.spec.replicas must be an integer',
  ],
  [
    'no quantity',
    (all) => (pod(all, 'DaemonSet')!.spec.containers[0]!.resources!.limits = { memory: '1 GB' }),
    'must be a quantity',
  ],
  [
    'what the API server writes otherwise',
    (all) => (pod(all, 'DaemonSet')!.spec.containers[0]!.resources!.limits = { memory: '1024Mi' }),
    'limits.memory is 1024Mi, which the API server writes in another form',
  ],
  [
    'a null',
    (all) => Object.assign(pod(all, 'DaemonSet')!.spec.volumes![0]!, { emptyDir: null }),
    'emptyDir is null, which the API server drops',
  ],
  [
    'a list that is none',
    (all) => Object.assign(one(all, 'Service').spec!, { ports: { port: 1 } }),
    '.spec.ports must be a list',
  ],
];

function security(all: Objects): NonNullable<Mutable<Container>['securityContext']> {
  return pod(all, 'DaemonSet')!.spec.containers[0]!.securityContext!;
}

function role(all: Objects): NonNullable<Mutable<Manifest>['rules']> {
  return one(all, 'ClusterRole').rules!;
}

function grant(all: Objects, resource: string, verb: string): void {
  role(all).push({ apiGroups: [''], resources: [resource], verbs: [verb] });
}

describeWithKubectl('the rules of overlays', () => {
  let good: readonly Manifest[] = [];
  beforeAll(() => {
    good = renderOverlay(DEFAULT_OVERLAY);
  });

  it.each(REFUSED)('refuse %s', (_name, breakIt, words) => {
    const objects = structuredClone(good) as Objects;
    breakIt(objects);
    expect(findingsOf(objects as readonly Manifest[], true)).toContainEqual(
      expect.stringContaining(words),
    );
  });

  it('say how large an overlay is', () => {
    const { objects, images, largest } = figuresOf(good);
    expect(objects).toBe(good.length);
    expect(images).toEqual(['binnacle/alert-engine:0.1.0', 'binnacle/collector:0.1.0']);
    expect(largest.bytes).toBeGreaterThan(1000);
  });
});
