import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { parseAllDocuments } from 'yaml';
import type { Manifest } from '../../deploy/src/manifest.ts';
import { type Access, CUSTOM_GROUP, KubeApiServer } from '../kube/api-server.ts';
import type { StoredObject } from '../kube/selectors.ts';
import { startEngine } from '../support/engine.ts';
import { eventually, getText, temporaryFolder, untilPasses } from '../support/processes.ts';

interface Objects {
  readonly watched: readonly { readonly resource: string; readonly state: string }[];
  readonly objects: readonly {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly groups: number;
    readonly refused: string | null;
  }[];
}

interface Rule {
  readonly name: string;
  readonly query: string;
  readonly labels: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 60_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: KubeApiServer;
let apiServer: string;
let apps: NestFastifyApplication[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  server = new KubeApiServer();
  server.token = 'secret';
  server.allows = allowedByRole();
  apiServer = await server.listen();
  await writeFile(join(folder.path, 'token'), 'secret');
  await writeFile(join(folder.path, 'own.yml'), ruleFile('own:rule'));
});

afterEach(async () => {
  for (const app of apps) await app.close();
  apps = [];
  await server.close();
  await folder.remove();
});

/** What the component's role allows. */
function allowedByRole(): (access: Access) => boolean {
  const file = join(
    import.meta.dirname,
    '..',
    '..',
    'deploy',
    'components',
    'rule-objects',
    'rbac.yaml',
  );
  const rules = parseAllDocuments(readFileSync(file, 'utf8'))
    .map((document) => document.toJS() as Manifest)
    .flatMap((role) => role.rules ?? []);
  return ({ group, resource, verb }) =>
    rules.some(
      ({ apiGroups = [], resources = [], verbs = [] }) =>
        apiGroups.includes(group) && resources.includes(resource) && verbs.includes(verb),
    );
}

async function start(objects = '') {
  const configFile = join(folder.path, 'engine.yml');
  await writeFile(
    configFile,
    `rule_files: [own.yml]
rules:
  objects:
    api_server: ${apiServer}
    token_file: token
    recheck_interval: 200ms
${objects}`,
  );
  const { app, url } = await startEngine(join(folder.path, 'data'), configFile);
  apps.push(app);
  const get = async <T>(path: string): Promise<T> => {
    const { data } = (await (await fetch(`${url}${path}`)).json()) as { data: T };
    return data;
  };
  const rules = async (): Promise<readonly Rule[]> => {
    const { groups } = await get<{ groups: { rules: Rule[] }[] }>('/api/v1/rules');
    return groups.flatMap((group) => group.rules);
  };
  return {
    url,
    rules,
    objects: () => get<Objects>('/api/v1/rule-objects'),
    untilRules: (...names: readonly string[]) =>
      eventually(
        `the rules ${names.join()}`,
        async () => {
          const found = await rules();
          const got = found.map(({ name }) => name).toSorted((a, b) => (a < b ? -1 : 1));
          return got.join() === names.join() ? found : null;
        },
        DEADLINE_MS,
      ),
    stop: async () => {
      apps = apps.filter((each) => each !== app);
      await app.close();
    },
  };
}

function ruleFile(record: string, expr = 'sum(up)', more = ''): string {
  return `groups: [{name: a, rules: [{record: '${record}', expr: '${expr}'${more}}]}]`;
}

function configMap(
  namespace: string,
  name: string,
  text: string,
  labels: Record<string, string> = { 'binnacle.dev/rules': 'true' },
): StoredObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels },
    data: { 'rules.yml': text, 'notes.txt': 'groups: nonsense' },
  };
}

function prometheusRule(namespace: string, name: string, record: string): StoredObject {
  return {
    apiVersion: `${CUSTOM_GROUP}/v1`,
    kind: 'PrometheusRule',
    metadata: { name, namespace },
    spec: { groups: [{ name: 'a', rules: [{ record, expr: 'sum(up)' }] }] },
  };
}

it('rules of other namespaces come, change and go, each confined to its own', async () => {
  server.put(configMap('shop', 'one', ruleFile('shop:one')));
  server.put(configMap('shop', 'unlabelled', ruleFile('shop:never'), {}));
  const engine = await start();
  const [, taken] = await engine.untilRules('own:rule', 'shop:one');
  expect(taken).toMatchObject({
    query: 'sum(up{namespace="shop"})',
    labels: { namespace: 'shop' },
  });
  server.put(configMap('bank', 'two', ruleFile('bank:two')));
  await engine.untilRules('bank:two', 'own:rule', 'shop:one');
  server.put(configMap('shop', 'one', ruleFile('shop:changed')));
  await engine.untilRules('bank:two', 'own:rule', 'shop:changed');
  server.customGroups.add(CUSTOM_GROUP);
  server.put(prometheusRule('bank', 'three', 'bank:three'));
  await engine.untilRules('bank:three', 'bank:two', 'own:rule', 'shop:changed');
  server.delete(configMap('bank', 'two', ''));
  await engine.untilRules('bank:three', 'own:rule', 'shop:changed');
  server.customGroups.delete(CUSTOM_GROUP);
  await engine.untilRules('own:rule', 'shop:changed');
}, 180_000);

it('a bad object is named, keeps its last good rules and costs no other', async () => {
  server.put(configMap('shop', 'good', ruleFile('shop:good')));
  server.put(configMap('shop', 'bad', ruleFile('shop:bad', 'sum(')));
  const engine = await start();
  await engine.untilRules('own:rule', 'shop:good');
  // The API server is asked about each resource by itself.
  await untilPasses(async () => {
    const { objects, watched } = await engine.objects();
    expect(objects).toEqual([
      {
        kind: 'ConfigMap',
        namespace: 'shop',
        name: 'bad',
        groups: 0,
        refused: expect.stringContaining('ConfigMap/shop/bad/rules.yml:1: group "a", rule 1'),
      },
      { kind: 'ConfigMap', namespace: 'shop', name: 'good', groups: 1, refused: null },
    ]);
    expect(watched).toEqual([
      { resource: 'configmaps', namespace: '', state: 'watchable' },
      { resource: 'prometheusrules', namespace: '', state: 'absent' },
    ]);
  });
  server.put(configMap('shop', 'good', ruleFile('shop:good', 'sum(')));
  server.put(configMap('shop', 'new', ruleFile('shop:new')));
  await engine.untilRules('own:rule', 'shop:good', 'shop:new');
  await untilPasses(async () => {
    const after = await engine.objects();
    expect(
      after.objects.map(({ name, groups, refused }) => [name, groups, refused !== null]),
    ).toEqual([
      ['bad', 0, true],
      ['good', 1, true],
      ['new', 1, false],
    ]);
    expect(await getText(`${engine.url}/metrics`)).toMatch(
      /\nbinnacle_rule_refused_objects\{kind="ConfigMap"\} 2\n/,
    );
  });
}, 180_000);

it('the limits that the configuration sets hold, and change with it', async () => {
  server.put(
    configMap('shop', 'a', ruleFile('shop:a', 'sum(up)', ', labels: {severity: warning}')),
  );
  server.put(configMap('shop', 'b', ruleFile('shop:b')));
  server.put(configMap('shop', 'c', ruleFile('shop:c')));
  server.put(
    configMap('bank', 'd', ruleFile('bank:d', 'sum(up)', ', labels: {severity: critical}')),
  );
  server.put(configMap('other', 'e', ruleFile('other:e')));
  const limited = `    allowed_label_values: {severity: [warning]}
    namespaces: [shop, bank]
    confine_queries: false
    limits: {groups_per_namespace: 2}
`;
  const engine = await start(limited);
  const found = await engine.untilRules('own:rule', 'shop:a', 'shop:b');
  expect(found.find(({ name }) => name === 'shop:b')?.query).toBe('sum(up)');
  await untilPasses(async () => {
    const { objects } = await engine.objects();
    expect(
      objects.flatMap(({ name, refused }) => (refused === null ? [] : [[name, refused]])),
    ).toEqual([
      ['d', expect.stringContaining('the label "severity" may be warning here')],
      ['c', 'with it the namespace shop would have 3 groups; allowed are 2'],
    ]);
  });
  const file = join(folder.path, 'engine.yml');
  await writeFile(file, readFileSync(file, 'utf8').replace('[warning]', '[warning, critical]'));
  await fetch(`${engine.url}/-/reload`, { method: 'POST' });
  await engine.untilRules('bank:d', 'own:rule', 'shop:a', 'shop:b');
}, 180_000);

it('a start while the API server is away forgets no rules', async () => {
  server.put(configMap('shop', 'one', ruleFile('shop:one')));
  const first = await start();
  await first.untilRules('own:rule', 'shop:one');
  await first.stop();
  server.faults.refusals = { count: Number.POSITIVE_INFINITY, status: 503, retryAfterSeconds: 0 };
  const second = await start();
  await second.untilRules('own:rule', 'shop:one');
  server.put(configMap('shop', 'one', ruleFile('shop:changed')));
  server.faults.refusals.count = 0;
  await second.untilRules('own:rule', 'shop:changed');
  const third = second.objects();
  expect((await third).objects).toHaveLength(1);
}, 180_000);

it('without the right the engine goes on with its own rules and says what is missing', async () => {
  server.allows = () => false;
  server.customGroups.add(CUSTOM_GROUP);
  server.put(configMap('shop', 'one', ruleFile('shop:one')));
  const engine = await start();
  await eventually(
    'the refusal',
    async () => {
      const { watched } = await engine.objects();
      return watched.length === 2 && watched.every(({ state }) => state === 'forbidden')
        ? true
        : null;
    },
    DEADLINE_MS,
  );
  await engine.untilRules('own:rule');
  server.allows = allowedByRole();
  expect(await engine.untilRules('own:rule', 'shop:one')).toHaveLength(2);
}, 180_000);

it('a token that cannot be read is told of, and is read once it can be', async () => {
  await rm(join(folder.path, 'token'));
  await mkdir(join(folder.path, 'token'));
  const { url } = await start();
  const untilState = (state: string): Promise<string> =>
    eventually(
      `objects to be ${state}`,
      async () => {
        const text = await (await fetch(`${url}/metrics`)).text();
        const line = `binnacle_rule_object_places{resource="configmaps",state="${state}"} 1`;
        return text.includes(line) ? state : null;
      },
      DEADLINE_MS,
    );
  expect(await untilState('unreachable')).toBe('unreachable');
  await rm(join(folder.path, 'token'), { recursive: true });
  await writeFile(join(folder.path, 'token'), 'secret');
  expect(await untilState('watchable')).toBe('watchable');
});
