import { parseRuleFile } from '#libs/rules';
import {
  MONITOR_KINDS,
  type MonitorKind,
  type MonitorObject,
  translateAlertmanagerConfig,
  translateMonitor,
} from '#libs/operator-objects';
import { stringify } from 'yaml';
import { ConfigDocument, recordOf } from './config-document.ts';
import { finishAlertmanager } from './import-alertmanager.ts';
import {
  askChecked,
  engineDocument,
  type ImportTask,
  partOfCollector,
} from './import-prometheus.ts';
import { placeOf } from './import-report.ts';
import { prune } from './prune.ts';

type ManifestsTask = Omit<ImportTask, 'file' | 'path' | 'text'> & {
  readonly files: readonly { readonly file: string; readonly text: string }[];
};

interface Found extends MonitorObject {
  readonly kind: string;
  /** File and line. */
  readonly place: string;
}

/** Objects that configure whole services. */
const SERVICES: ReadonlySet<string> = new Set([
  'Prometheus',
  'PrometheusAgent',
  'Alertmanager',
  'ThanosRuler',
]);

/** How deep lists of manifests may lie in each other. */
const MAX_LIST_DEPTH = 4;
const OPERATOR_INTERVAL = '30s';

/** Objects of the Prometheus Operator as files of the collector and the engine. */
export async function importManifests(task: ManifestsTask): Promise<void> {
  const { files, report, output } = task;
  const found = files.flatMap(({ file, text }) =>
    ConfigDocument.parseAll(text, file).flatMap((document) =>
      objectsIn(document.value(), placeOf(file, document.line([]), ''), 0),
    ),
  );
  const of = (kinds: readonly string[]): Found[] =>
    found.filter(({ kind }) => kinds.includes(kind));
  await takeMonitors(of(MONITOR_KINDS), task);
  const rules = of(['PrometheusRule']).filter((object) => takeRules(object, task)).length;
  if (rules > 0) {
    const engine = await engineDocument(output);
    engine.set(['rule_files'], engine.document.createNode(['rules/*.yml']));
    output.put('engine.yml', engine.toString());
  }
  await takeAlerting(of(['AlertmanagerConfig']), task);
  for (const { kind, place, metadata } of found) {
    if (SERVICES.has(kind)) {
      const name = `${kind} ${metadata.namespace}/${metadata.name}`;
      report.left(`${place}: ${name}`, 'it says how a service runs; see docs/configuration.md');
    }
  }
  const known = new Set<string>([
    ...MONITOR_KINDS,
    ...SERVICES,
    'PrometheusRule',
    'AlertmanagerConfig',
  ]);
  const others = new Set(found.map(({ kind }) => kind).filter((kind) => !known.has(kind)));
  if (others.size > 0) report.note(`passed over: ${[...others].toSorted().join(', ')}`);
}

function objectsIn(value: unknown, place: string, depth: number): Found[] {
  const { kind, metadata, spec, items } = recordOf(value);
  if (typeof kind !== 'string' || depth > MAX_LIST_DEPTH) return [];
  if (kind.endsWith('List') && Array.isArray(items)) {
    return items.flatMap((item) => objectsIn(item, place, depth + 1));
  }
  const { name = '', namespace = 'default' } = recordOf(metadata);
  const own = { name: String(name), namespace: String(namespace) };
  return [{ kind, place, metadata: own, spec }];
}

async function takeMonitors(objects: readonly Found[], task: ManifestsTask): Promise<void> {
  if (objects.length === 0) return;
  const { output, report } = task;
  const collector = ConfigDocument.empty();
  collector.set(['global', 'scrape_interval'], OPERATOR_INTERVAL);
  collector.set(['scrape_configs'], collector.document.createNode([]));
  collector.add(['outputs', 'remote_write'], { url: `${task.engineUrl}/api/v1/write` });
  for (const { kind, place, ...object } of objects) {
    const { namespace, name } = object.metadata;
    const shown = `${place}: ${kind} ${namespace}/${name}`;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- chosen by these kinds
    const { jobs, refusals, ignored } = translateMonitor(kind as MonitorKind, object);
    for (const { path, reason } of refusals) report.left(`${shown}: ${path}`, reason);
    for (const path of ignored) report.left(`${shown}: ${path}`, 'no key that is known');
    for (const { keys, isClusterWide } of jobs) {
      collector.add(['scrape_configs'], keys);
      if (isClusterWide) {
        report.note(
          `${String(keys['job_name'])}: its targets belong to no node, and every collector with this file scrapes them`,
        );
      }
    }
  }
  await prune({
    document: collector,
    source: 'collector.yml',
    check: (text) => askChecked('collector', text, task),
    partOf: partOfCollector,
    report,
  });
  output.put('collector.yml', collector.toString());
  report.taken(`${collector.size(['scrape_configs'])} scrape jobs into collector.yml`);
}

/** @returns whether there is a file of them now */
function takeRules({ place, metadata, spec }: Found, { output, report }: ManifestsTask): boolean {
  const { namespace, name } = metadata;
  const manifest = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata,
    spec,
  };
  const text = stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false });
  const file = output.free(`rules/${fileName(namespace)}-${fileName(name)}.yml`);
  try {
    const { groups } = parseRuleFile(text, { file });
    output.put(file, text);
    report.taken(`${groups.length} groups of rules into ${file}`);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    report.left(`${place}: PrometheusRule ${namespace}/${name}`, reason);
    return false;
  }
}

function fileName(text: string): string {
  return text.replaceAll(/[^-a-zA-Z0-9_.]/g, '_');
}

async function takeAlerting(objects: readonly Found[], task: ManifestsTask): Promise<void> {
  if (objects.length === 0) return;
  const { report } = task;
  const routes: object[] = [];
  const receivers: object[] = [{ name: 'none' }];
  const inhibitRules: object[] = [];
  const timeIntervals: object[] = [];
  for (const { place, ...object } of objects) {
    const { namespace, name } = object.metadata;
    const parts = translateAlertmanagerConfig(object);
    const shown = `${place}: AlertmanagerConfig ${namespace}/${name}`;
    for (const { path, reason } of parts.refusals) report.left(`${shown}: ${path}`, reason);
    for (const { path, name: secret, key } of parts.secrets) {
      report.note(`${path} has to hold ${key} of the Secret ${namespace}/${secret}`);
    }
    if (parts.route !== null) routes.push(parts.route);
    receivers.push(...parts.receivers);
    inhibitRules.push(...parts.inhibitRules);
    timeIntervals.push(...parts.timeIntervals);
  }
  const document = ConfigDocument.empty();
  const put = (key: string, value: object): void => {
    document.set([key], document.document.createNode(value));
  };
  put('route', { receiver: 'none', ...(routes.length > 0 && { routes }) });
  put('receivers', receivers);
  if (inhibitRules.length > 0) put('inhibit_rules', inhibitRules);
  if (timeIntervals.length > 0) put('time_intervals', timeIntervals);
  await finishAlertmanager(document, { file: 'alertmanager.yml', output: task.output, report });
}
