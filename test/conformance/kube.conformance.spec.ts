import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createExpositionParser } from '#libs/exposition';
import {
  EventLedger,
  type KubeEvent,
  type KubeObject,
  objectState,
  RESOURCE_NAMES,
  RESOURCES,
  STATE_RESOURCES,
  type StateOptions,
  type StateResource,
  StateWriter,
} from '#libs/kube';
import { parse } from 'yaml';
import { describeConformance } from '../support/conformance.ts';

/** Series that came or got another label after the version that was running in the recorded cluster (2.19). */
const CHANGED_SINCE =
  /^kube_(node_spec_pod_cidrs|pod_spec_volumes_persistentvolumeclaims_(info|readonly))\{/;

interface ExpectedRecord {
  readonly file: string;
  readonly kind: string;
  readonly metrics: readonly string[];
  readonly opt_in_metrics: readonly string[];
  readonly with_label_and_annotation_allowlist_star: readonly string[];
}

const EVERYTHING = new Map(STATE_RESOURCES.map((name) => [name, ['*']]));
const DEFAULTS: StateOptions = {
  allowedLabels: new Map(),
  allowedAnnotations: new Map(),
  hasOptIn: false,
};
const ALL: StateOptions = {
  allowedLabels: EVERYTHING,
  allowedAnnotations: EVERYTHING,
  hasOptIn: true,
};

const resourceOfKind = new Map<string, StateResource>(
  STATE_RESOURCES.map((name) => [RESOURCES[name].kind, name]),
);

/** The lines of an object as `labels value`, sorted. */
function linesOf(kind: string, json: unknown, options: StateOptions): string[] {
  const name = resourceOfKind.get(kind);
  if (name === undefined) return [];
  const object = RESOURCES[name].decode(json) as never;
  const { labels, values } = objectState(name, object, new StateWriter([]), options);
  return labels.map((set, i) => `${set.toString()} ${values[i]}`).toSorted();
}

/** Lines of the text format in the same form; an empty label is none. */
function readLines(lines: readonly string[]): string[] {
  const parser = createExpositionParser('text', Buffer.from(`${lines.join('\n')}\n`));
  const read: string[] = [];
  for (let entry = parser.next(); entry !== null; entry = parser.next()) {
    if (entry === 'series') read.push(`${parser.labels().toString()} ${parser.value}`);
  }
  return read.toSorted();
}

describeConformance("kube-state-metrics' lines", ['kube'], (path) => {
  const records = readFileSync(join(path, 'objects.expected.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ExpectedRecord);
  const load = (file: string): unknown => JSON.parse(readFileSync(join(path, file), 'utf8'));

  describe('with default flags', () => {
    it.each(records.map((record) => [record.file, record] as const))('%s', (file, record) => {
      const actual = linesOf(record.kind, load(file), DEFAULTS);
      expect(actual).toEqual(readLines(record.metrics));
    });
  });
  describe('with everything switched on', () => {
    it.each(records.map((record) => [record.file, record] as const))('%s', (file, record) => {
      const actual = linesOf(record.kind, load(file), ALL);
      expect(actual).toEqual(
        readLines([
          ...record.metrics,
          ...record.opt_in_metrics,
          ...record.with_label_and_annotation_allowlist_star,
        ]),
      );
    });
  });
  it.each(records.filter(({ file }) => /event-(?!v1)/.test(file)).map(({ file }) => file))(
    '%s counts as often as it says',
    (file) => {
      const told: [string, number][] = [];
      const happened = ({ reason }: KubeEvent, times: number) => void told.push([reason, times]);
      const ledger = new EventLedger({ sinceMs: 0, maxEvents: 10, happened });
      const json = load(file) as { reason: string; count?: number };
      for (let i = 0; i < 2; i++) {
        ledger.beginList('');
        ledger.put(RESOURCES.events.decode(json));
        ledger.endList();
      }
      expect(told).toEqual([[json.reason, json.count ?? 1]]);
    },
  );
  it('has a record for each object', () => {
    const kinds = new Set(records.map(({ kind }) => kind));
    expect(records.length).toBeGreaterThan(50);
    expect([...resourceOfKind.keys()].filter((kind) => !kinds.has(kind))).toEqual([]);
  });
});

describeConformance('a recorded cluster', ['kube', 'cluster-1.35'], (path) => {
  const recorded = readFileSync(join(path, 'kube-state-metrics.prom.txt'), 'utf8').split('\n');
  it.each([
    ['pods.yaml', 'Pod', 'kube_pod_'],
    ['nodes.yaml', 'Node', 'kube_node_'],
    ['services.yaml', 'Service', 'kube_service_'],
    ['namespaces.yaml', 'Namespace', 'kube_namespace_'],
  ])('%s has the series kube-state-metrics showed', (file, kind, prefix) => {
    const list = parse(readFileSync(join(path, file), 'utf8')) as { items: unknown[] };
    const actual = new Set(
      list.items
        .flatMap((item) => linesOf(kind, item, DEFAULTS))
        .filter((line) => !CHANGED_SINCE.test(line)),
    );
    const wanted = new Set(
      readLines(recorded.filter((line) => line.startsWith(prefix))).filter(
        (line) =>
          !CHANGED_SINCE.test(line) &&
          !/^kube_\w+_(labels|annotations)\{/.test(line) &&
          // Later versions show a reason only while it holds.
          !(line.startsWith('kube_pod_status_reason{') && line.endsWith(' 0')),
      ),
    );
    expect(list.items.length).toBeGreaterThan(0);
    const differing = [
      ...[...actual].filter((line) => !wanted.has(line)).map((line) => `+ ${line}`),
      ...[...wanted].filter((line) => !actual.has(line)).map((line) => `- ${line}`),
    ];
    expect(differing).toEqual([]);
  });
});

describeConformance('objects with every field set', ['kube', 'api-all-fields'], (path) => {
  const kinds = new Map(RESOURCE_NAMES.map((name) => [RESOURCES[name].kind, name]));
  const files = readdirSync(path).filter((file) => kinds.has(file.split('.').at(-2) ?? ''));
  it.each(files)('%s', (file) => {
    const name = kinds.get(file.split('.').at(-2)!)!;
    const json: unknown = JSON.parse(readFileSync(join(path, file), 'utf8'));
    const object: KubeObject = RESOURCES[name].decode(json);
    expect(object.metadata).toMatchObject({ name: 'nameValue', namespace: 'namespaceValue' });
    const hasSeries = resourceOfKind.has(RESOURCES[name].kind);
    expect(linesOf(RESOURCES[name].kind, json, ALL).length > 0).toBe(hasSeries);
  });
});
