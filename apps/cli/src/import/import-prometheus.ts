import { basename, dirname, resolve } from 'node:path';
import { glob, readFile } from 'node:fs/promises';
import { parseRuleFile } from '#libs/rules';
import type { ConfigProblem } from '#libs/yaml-config';
import { ConfigDocument, type ConfigPath } from './config-document.ts';
import { movePaths } from './file-paths.ts';
import { type ImportReport, placeOf } from './import-report.ts';
import type { OutputFolder } from './output-folder.ts';
import { prune } from './prune.ts';
import { environmentOf, type ServiceCheck } from './service-check.ts';

export interface ImportTask {
  /** As messages show it. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  readonly engineUrl: string;
  readonly output: OutputFolder;
  readonly report: ImportReport;
  readonly askService: ServiceCheck;
}

/** Where a key of `prometheus.yml` has its place with the engine. */
const ENGINE_KEYS: readonly (readonly [from: ConfigPath, to: ConfigPath])[] = [
  [
    ['global', 'evaluation_interval'],
    ['rules', 'evaluation_interval'],
  ],
  [
    ['global', 'rule_query_offset'],
    ['rules', 'query_offset'],
  ],
  [
    ['storage', 'tsdb', 'out_of_order_time_window'],
    ['storage', 'out_of_order_time_window'],
  ],
  [
    ['storage', 'tsdb', 'retention', 'time'],
    ['storage', 'retention_time'],
  ],
  [
    ['storage', 'tsdb', 'retention', 'size'],
    ['storage', 'retention_size'],
  ],
  [
    ['storage', 'exemplars', 'max_exemplars'],
    ['storage', 'exemplars', 'max_exemplars'],
  ],
];

/** Keys that say something neither app does, and what does it instead. */
const LEFT: ReadonlyMap<string, string> = new Map([
  ['remote_read', 'no other store is read from; rules over one are listed under datasources'],
  ['tracing', 'traces are configured by the environment: OTEL_EXPORTER_OTLP_ENDPOINT'],
  ['otlp', 'OTLP is taken with Prometheus’s own defaults and cannot be changed'],
  ['runtime', 'it is about the Go runtime'],
]);

/** Without these a job scrapes the same series. */
const OPTIONAL_JOB_KEYS =
  /native_histogram|_classic_histograms|scrape_failure_log_file|scrape_protocols/;
const OPTIONAL_WRITE_KEYS =
  /^(metadata_config|send_exemplars|send_native_histograms|queue_config|follow_redirects|enable_http2|round_robin_dns)$/;

/** `prometheus.yml` as `collector.yml`, `engine.yml` and a folder of rules. */
export async function importPrometheus(task: ImportTask): Promise<void> {
  const { file, path, text, output, report } = task;
  const [source = ConfigDocument.empty()] = ConfigDocument.parseAll(text, file);
  movePaths(source, { from: path, into: output.path, report });
  const engine = await engineDocument(output);
  const collector = ConfigDocument.empty(source);
  moveGlobals(source, collector, engine);
  for (const [from, to] of ENGINE_KEYS) move(source, from, engine, to);
  move(source, ['scrape_configs'], collector, ['scrape_configs']);
  move(source, ['scrape_config_files'], collector, ['scrape_config_files']);
  collector.add(['outputs', 'remote_write'], { url: `${task.engineUrl}/api/v1/write` });
  const writes = source.size(['remote_write']);
  for (let i = 0; i < writes; i++) {
    collector.add(['outputs', 'remote_write'], source.get(['remote_write', i]));
  }
  if (writes > 0) {
    report.note('remote_write has what is scraped; results of rules stay with the engine');
  }
  source.document.deleteIn(['remote_write']);
  await takeRules(source, task);
  if (output.names.some((name) => name.startsWith('rules/'))) {
    engine.set(['rule_files'], engine.document.createNode(['rules/*.yml']));
  }
  tellAlerting(source, task);
  for (const key of source.keys()) {
    if (!source.has([key])) continue;
    const reason = LEFT.get(key) ?? restOf(source, key);
    report.left(placeOf(file, source.line([key]), key), reason);
  }
  await finish(task, collector, engine);
}

/** The engine's file, as an earlier import into the folder has left it. */
export async function engineDocument(output: OutputFolder): Promise<ConfigDocument> {
  const before = await output.before('engine.yml');
  const [document] = before === null ? [] : ConfigDocument.parseAll(before, 'engine.yml');
  return document ?? ConfigDocument.empty();
}

async function finish(
  task: ImportTask,
  collector: ConfigDocument,
  engine: ConfigDocument,
): Promise<void> {
  const { file, output, report } = task;
  await prune({
    document: collector,
    source: file,
    check: (written) => askChecked('collector', written, task),
    partOf: partOfCollector,
    report,
  });
  // What it names lies elsewhere while it is checked, and has been checked by itself.
  const rules = engine.value(['rule_files']);
  const alerting = engine.value(['alertmanager_config']);
  for (const key of ['rule_files', 'alertmanager_config']) engine.document.deleteIn([key]);
  await prune({
    document: engine,
    source: file,
    check: (written) => askChecked('alert-engine', written, task),
    partOf: (where) => (where.length === 0 ? null : where.slice(0, 3)),
    report,
  });
  if (rules !== undefined) engine.set(['rule_files'], engine.document.createNode(rules));
  if (alerting !== undefined) engine.set(['alertmanager_config'], alerting);
  output.put('collector.yml', collector.toString());
  output.put('engine.yml', engine.toString());
  const jobs = collector.size(['scrape_configs']);
  const writes = collector.size(['outputs', 'remote_write']);
  report.taken(`${jobs} scrape jobs and ${writes} receivers of samples into collector.yml`);
}

function moveGlobals(
  source: ConfigDocument,
  collector: ConfigDocument,
  engine: ConfigDocument,
): void {
  for (const key of source.keys(['global'])) {
    if (key === 'evaluation_interval' || key === 'rule_query_offset' || key === 'query_log_file') {
      continue;
    }
    if (key === 'external_labels' && source.has(['global', key])) {
      engine.set([key], engine.document.createNode(source.value(['global', key])));
    }
    move(source, ['global', key], collector, ['global', key]);
  }
}

function move(
  source: ConfigDocument,
  from: ConfigPath,
  target: ConfigDocument,
  to: ConfigPath,
): void {
  if (!source.has(from)) return;
  target.set(to, source.get(from));
  source.remove(from);
}

async function takeRules(source: ConfigDocument, task: ImportTask): Promise<void> {
  const { file, path, output, report } = task;
  for (let i = 0; i < source.size(['rule_files']); i++) {
    const pattern = source.text(['rule_files', i]);
    const place = placeOf(file, source.line(['rule_files', i]), `rule_files[${i}] (${pattern})`);
    let count = 0;
    for await (const found of glob(resolve(dirname(path), pattern))) {
      count++;
      try {
        const text = await readFile(found, 'utf8');
        const { groups } = parseRuleFile(text, { file: found });
        const name = output.free(`rules/${basename(found).replace(/\.\w+$/, '')}.yml`);
        output.put(name, text);
        report.taken(`${groups.length} groups of rules into ${name}`);
      } catch (error) {
        report.left(place, error instanceof Error ? error.message : String(error));
      }
    }
    if (count === 0) report.left(place, 'there is no such file here');
  }
  source.document.deleteIn(['rule_files']);
}

function tellAlerting(source: ConfigDocument, { file, report }: ImportTask): void {
  if (source.has(['alerting', 'alert_relabel_configs'])) {
    const key = 'alerting.alert_relabel_configs';
    const line = source.line(['alerting', 'alert_relabel_configs']);
    report.left(placeOf(file, line, key), 'labels of alerts are those of their rules');
  }
  if (source.has(['alerting', 'alertmanagers'])) {
    report.note(
      'the engine sends notifications itself: take over its file with binnacle import alertmanager',
    );
  }
  source.document.deleteIn(['alerting']);
}

function restOf(source: ConfigDocument, key: string): string {
  if (key === 'global')
    return `${source.keys(['global']).join(', ')}: no log of queries is written`;
  if (key === 'storage') {
    const keys = ['tsdb', 'exemplars'].flatMap((part) =>
      source.keys([key, part]).map((name) => `${part}.${name}`),
    );
    return `${keys.join(', ')}: the embedded store knows nothing like it`;
  }
  return 'no key of prometheus.yml';
}

/** Asks a service, whose environment has everything that the text wants of it; what that is becomes a note. */
export async function askChecked(
  app: 'collector' | 'alert-engine',
  text: string,
  { askService, output, report }: Pick<ImportTask, 'askService' | 'output' | 'report'>,
): Promise<readonly ConfigProblem[]> {
  const env = environmentOf(text);
  for (const name of Object.keys(env)) {
    // Prometheus takes such a text as it stands, but for external labels.
    report.note(`\${${name}} is taken from the environment, except in rules of relabelling`);
  }
  const problems = await askService(app, { text, folder: output.path, env });
  for (const { file, message } of problems) {
    if (file !== undefined) report.note(`not looked at, as a file is missing here: ${message}`);
  }
  return problems.filter(({ file }) => file === undefined);
}

/** The smallest part of a collector's file that can be left out. */
export function partOfCollector(path: ConfigPath, document: ConfigDocument): ConfigPath | null {
  const [section, second, key, index] = path;
  if (section === undefined) return null;
  if (section === 'scrape_configs' && typeof second === 'number') {
    const job = path.slice(0, 2);
    if (typeof key !== 'string') return job;
    if (OPTIONAL_JOB_KEYS.test(key)) return path.slice(0, typeof index === 'number' ? 4 : 3);
    if (!key.endsWith('_sd_configs')) return job;
    const others = document
      .keys(job)
      .filter((other) => other !== key && /^static_configs$|_sd_configs$/.test(other));
    if (typeof index === 'number' && document.size([...job, key]) > 1) return path.slice(0, 4);
    return others.length > 0 ? path.slice(0, 3) : job;
  }
  if (section === 'outputs' && typeof key === 'number') {
    const output = path.slice(0, 3);
    if (typeof index !== 'string' || !OPTIONAL_WRITE_KEYS.test(index)) return output;
    return path.slice(0, index === 'queue_config' && path.length > 4 ? 5 : 4);
  }
  return path.slice(0, typeof key === 'number' ? 3 : 2);
}
