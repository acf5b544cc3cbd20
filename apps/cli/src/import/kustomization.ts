import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isScalar, stringify, visit } from 'yaml';
import { ConfigDocument } from './config-document.ts';
import type { ImportReport } from './import-report.ts';
import { importedRights } from './imported-rights.ts';
import type { OutputFolder } from './output-folder.ts';

const HEAD =
  '# Made by binnacle import, and made anew by the next one into this folder unless this line is gone.\n';
/** Where the engine's pod sees what is imported, apart from its own configuration. */
const MOUNTED = '/etc/binnacle-imported';
const SECRETS = 'binnacle-imported-secrets';
/** `kubectl apply` repeats an object in an annotation of at most 256 KiB. */
const MAX_MAP_BYTES = 150_000;
const FORMAT = { lineWidth: 0 } as const;

/** A standby as well, where there is one. */
const ENGINES = {
  kind: 'StatefulSet',
  labelSelector: 'app.kubernetes.io/component=alert-engine',
};

/** Jobs that the manifests' own file has. */
const JOBS_OF_BASE: ReadonlySet<string> = new Set([
  'binnacle-collector',
  'binnacle-engine',
  'kubernetes-pods',
]);

export interface KustomizationOptions {
  /** The overlay that it adds to, as a path from the folder; null for a component that an overlay names. */
  readonly overlay: string | null;
  /** Where the engine is, as the collector's file has it. */
  readonly engineUrl: string;
  readonly output: OutputFolder;
  readonly report: ImportReport;
}

/**
 * What kustomize needs to add everything that has been imported into a folder to an overlay: a file beside `collector.yml` and
 * one beside `engine.yml`, which the services merge with these, an `alertmanager.yml` in the place of the base's, and
 * ConfigMaps of rules and templates.
 */
export async function addKustomization(options: KustomizationOptions): Promise<void> {
  const { overlay, output, report } = options;
  const [rules, templates] = [await filesIn(output, 'rules'), await filesIn(output, 'templates')];
  const collector = await collectorPart(options);
  const engine = await enginePart(output, rules.length > 0, report);
  const alerting = await alertingPart(output, templates.length > 0, report);
  const rights = collector === null ? null : importedRights(collector.value(['scrape_configs']));
  if (collector !== null) {
    output.put('cluster/collector-imported.yml', HEAD + collector.toString());
  }
  if (rights !== null) output.put('cluster/rbac.yaml', HEAD + rights);
  if (engine !== null) output.put('cluster/engine-imported.yml', HEAD + engine);
  if (alerting !== null) output.put('cluster/alertmanager.yml', HEAD + alerting.text);

  const ruleMaps = await mapsOf('binnacle-imported-rules', rules, output);
  const templateMaps = await mapsOf('binnacle-imported-templates', templates, output);
  const usesSecrets = alerting?.usesSecrets === true;
  const configs = [
    {
      name: 'binnacle-collector-config',
      namespace: 'binnacle-nodes',
      files: collector === null ? [] : ['cluster/collector-imported.yml'],
    },
    {
      name: 'binnacle-engine-config',
      namespace: 'binnacle',
      files: [
        ...(engine === null ? [] : ['cluster/engine-imported.yml']),
        ...(alerting === null ? [] : ['cluster/alertmanager.yml']),
      ],
    },
  ]
    .filter(({ files }) => files.length > 0)
    .map(({ name, namespace, files }) => ({ name, namespace, behavior: 'merge', files }));
  const isPatched = ruleMaps.length + templateMaps.length > 0 || usesSecrets;
  if (isPatched) {
    const patch = statefulSet({ ruleMaps, templateMaps, usesSecrets });
    output.put('cluster/statefulset.yaml', HEAD + stringify(patch, FORMAT));
  }
  const resources = [
    ...(overlay === null ? [] : [overlay]),
    ...(rights === null ? [] : ['cluster/rbac.yaml']),
  ];
  output.put(
    'kustomization.yaml',
    HEAD +
      stringify(
        {
          apiVersion: `kustomize.config.k8s.io/${overlay === null ? 'v1alpha1' : 'v1beta1'}`,
          kind: overlay === null ? 'Component' : 'Kustomization',
          ...(resources.length > 0 && { resources }),
          generatorOptions: {
            disableNameSuffixHash: true,
            labels: { 'app.kubernetes.io/part-of': 'binnacle' },
          },
          configMapGenerator: [
            ...configs,
            ...[...ruleMaps, ...templateMaps].map(({ name, files }) => ({
              name,
              namespace: 'binnacle',
              files,
            })),
          ],
          ...(isPatched && { patches: [{ path: 'cluster/statefulset.yaml', target: ENGINES }] }),
        },
        FORMAT,
      ),
  );
}

/** Whether a file is one that this wrote, and nobody has made their own. */
export function isGenerated(text: string): boolean {
  return text.startsWith(HEAD);
}

/** Jobs and further receivers; what the base's file says of the whole is said by each job. */
async function collectorPart(options: KustomizationOptions): Promise<ConfigDocument | null> {
  const { engineUrl, output, report } = options;
  const document = await read(output, 'collector.yml');
  if (document === null) return null;
  const jobs = document.size(['scrape_configs']);
  for (const key of document.keys(['global'])) {
    if (key === 'external_labels') {
      document.set([key], document.get(['global', key]));
      continue;
    }
    for (let i = 0; i < jobs; i++) {
      if (document.has(['scrape_configs', i, key])) continue;
      const value = document.document.createNode(document.value(['global', key]));
      document.set(['scrape_configs', i, key], value);
    }
  }
  document.remove(['global']);
  for (let i = 0; i < jobs; i++) keepApart(document, i, report);
  const url = `${engineUrl}/api/v1/write`;
  for (let i = document.size(['outputs', 'remote_write']) - 1; i >= 0; i--) {
    const receiver = ['outputs', 'remote_write', i];
    if (document.text([...receiver, 'url']) === url) document.remove(receiver);
  }
  return document.keys().length === 0 ? null : document;
}

/** A job that is called as one of the base's would be merged with it; its series keep the name. */
function keepApart(document: ConfigDocument, index: number, report: ImportReport): void {
  const job = ['scrape_configs', index];
  const name = document.text([...job, 'job_name']);
  if (!JOBS_OF_BASE.has(name)) return;
  document.set([...job, 'job_name'], `${name}-imported`);
  const rules = document.value([...job, 'relabel_configs']);
  document.set(
    [...job, 'relabel_configs'],
    document.document.createNode([
      { target_label: 'job', replacement: name },
      ...(Array.isArray(rules) ? rules : []),
    ]),
  );
  report.note(
    `the job ${name} is called ${name}-imported, as the manifests have one of its name; see whether one of them is enough`,
  );
}

async function enginePart(
  output: OutputFolder,
  hasRules: boolean,
  report: ImportReport,
): Promise<string | null> {
  const document = (await read(output, 'engine.yml')) ?? ConfigDocument.empty();
  // The base names the file, which is replaced; and it says how much its volume holds.
  document.remove(['alertmanager_config']);
  for (const key of ['retention_time', 'retention_size']) {
    if (!document.has(['storage', key])) continue;
    report.note(
      `storage.${key}: the overlay's engine.yml says it for the volume it has; change it there`,
    );
    document.remove(['storage', key]);
  }
  document.remove(['rule_files']);
  if (hasRules) {
    document.set(['rule_files'], document.document.createNode([`${MOUNTED}/rules/*.yml`]));
  }
  return document.keys().length === 0 ? null : document.toString();
}

async function alertingPart(
  output: OutputFolder,
  hasTemplates: boolean,
  report: ImportReport,
): Promise<{ readonly text: string; readonly usesSecrets: boolean } | null> {
  const document = await read(output, 'alertmanager.yml');
  if (document === null) return null;
  if (hasTemplates) {
    document.set(['templates'], document.document.createNode([`${MOUNTED}/templates/*`]));
  }
  report.note(
    'alertmanager.yml takes the place of the manifests’ own, whose heartbeat and inhibit rules it has to have if you want them',
  );
  const keys = new Set<string>();
  visit(document.document, {
    Pair(_key, pair) {
      const { key, value } = pair;
      if (!isScalar(key) || !String(key.value).endsWith('_file')) return;
      if (!isScalar(value) || typeof value.value !== 'string' || value.value === '') return;
      const name = secretKey(value.value);
      if (!keys.has(name))
        report.note(`${value.value} is the key ${name} of the Secret ${SECRETS}`);
      keys.add(name);
      value.value = `${MOUNTED}/secrets/${name}`;
    },
  });
  if (keys.size > 0) {
    report.note(
      `make the Secret ${SECRETS} in the namespace binnacle: kubectl -n binnacle create secret generic ${SECRETS} --from-file=KEY=FILE…`,
    );
  }
  return { text: document.toString(), usesSecrets: keys.size > 0 };
}

/** `secrets/shop/slack/url` as a key of a Secret. */
function secretKey(path: string): string {
  return path
    .replace(/^(?:\.\.?\/|\/)+/, '')
    .replace(/^secrets\//, '')
    .replaceAll('/', '.')
    .replaceAll(/[^-A-Za-z0-9_.]/g, '_');
}

interface NamedMap {
  readonly name: string;
  readonly files: readonly string[];
}

/** As few ConfigMaps as hold the files. */
async function mapsOf(
  name: string,
  files: readonly string[],
  output: OutputFolder,
): Promise<NamedMap[]> {
  const maps: string[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const file of files) {
    const bytes = Buffer.byteLength((await output.before(file)) ?? '');
    if (size + bytes > MAX_MAP_BYTES) {
      maps.push([]);
      size = 0;
    }
    maps.at(-1)!.push(file);
    size += bytes;
  }
  return maps.map((of, index) => ({
    name: index === 0 ? name : `${name}-${index + 1}`,
    files: of,
  }));
}

function mount(of: string): object {
  return { name: `imported-${of}`, mountPath: `${MOUNTED}/${of}`, readOnly: true };
}

function projected(of: string, maps: readonly NamedMap[]): object {
  return {
    name: `imported-${of}`,
    projected: { sources: maps.map(({ name }) => ({ configMap: { name } })) },
  };
}

function statefulSet(options: {
  readonly ruleMaps: readonly NamedMap[];
  readonly templateMaps: readonly NamedMap[];
  readonly usesSecrets: boolean;
}): object {
  const { ruleMaps, templateMaps, usesSecrets } = options;
  const parts = [
    ...(ruleMaps.length > 0 ? [{ of: 'rules', volume: projected('rules', ruleMaps) }] : []),
    ...(templateMaps.length > 0
      ? [{ of: 'templates', volume: projected('templates', templateMaps) }]
      : []),
    ...(usesSecrets
      ? [
          {
            of: 'secrets',
            // The engine starts without it, and says which receivers lack their file.
            volume: { name: 'imported-secrets', secret: { secretName: SECRETS, optional: true } },
          },
        ]
      : []),
  ];
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'binnacle-engine', namespace: 'binnacle' },
    spec: {
      template: {
        spec: {
          containers: [{ name: 'engine', volumeMounts: parts.map(({ of }) => mount(of)) }],
          volumes: parts.map(({ volume }) => volume),
        },
      },
    },
  };
}

async function read(output: OutputFolder, name: string): Promise<ConfigDocument | null> {
  const text = await output.before(name);
  return text === null ? null : (ConfigDocument.parseAll(text, name)[0] ?? null);
}

/** What lies in a folder of the output: by now, and of earlier imports. */
async function filesIn(output: OutputFolder, folder: string): Promise<string[]> {
  const there = await readdir(join(output.path, folder)).catch(() => []);
  const put = output.names
    .filter((name) => name.startsWith(`${folder}/`))
    .map((name) => basename(name));
  return [...new Set([...there, ...put])].toSorted().map((name) => `${folder}/${name}`);
}
