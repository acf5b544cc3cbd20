import type { Fields, JobKeys } from './fields.ts';
import { requestKeys } from './job-keys.ts';
import {
  copyLabel,
  keep,
  labelName,
  literal,
  META,
  ownEntries,
  type RelabelEntry,
  setLabel,
} from './relabelling.ts';
import type { TranslationBuilder } from './translation.ts';

/** Which namespaces an object's targets are in: its own unless it says otherwise. `null` for all. */
export function selectedNamespaces(spec: Fields, own: string): readonly string[] | null {
  if (!spec.has('namespaceSelector')) return [own];
  const selector = spec.fields('namespaceSelector');
  if (selector.flag('any') === true) return null;
  const names = selector.texts('matchNames');
  return names.length === 0 ? [own] : names;
}

/** `kubernetes_sd_configs` of a role, and what restricts its targets to namespaces otherwise. */
export function discoveryKeys(
  builder: TranslationBuilder,
  options: {
    readonly role: 'pod' | 'endpointslice' | 'ingress';
    readonly namespaces: readonly string[] | null;
    readonly attached: Fields | null;
  },
): { readonly keys: JobKeys; readonly relabelling: readonly RelabelEntry[] } {
  const { role, namespaces, attached } = options;
  const config: JobKeys = { role };
  const isRelabelled = builder.options.namespacesBy === 'relabelling';
  if (namespaces !== null && !isRelabelled) config['namespaces'] = { names: namespaces };
  const node = attached?.flag('node') === true;
  const namespace = attached?.flag('namespace') === true;
  if (node || namespace) {
    config['attach_metadata'] = { ...(node && { node }), ...(namespace && { namespace }) };
  }
  const relabelling =
    namespaces !== null && isRelabelled
      ? [keep(`${META}namespace`, namespaces.map(literal).join('|'))]
      : [];
  return { keys: { kubernetes_sd_configs: [config] }, relabelling };
}

/** Leaves out pods that have come to their end, unless the endpoint wants them. */
export function runningEntries(endpoint: Fields): RelabelEntry[] {
  if (endpoint.flag('filterRunning') === false) return [];
  return [{ source_labels: [`${META}pod_phase`], regex: '(Failed|Succeeded)', action: 'drop' }];
}

/** What the namespace, the pod and its container are called on every target. */
export const POD_LABELS: readonly RelabelEntry[] = [
  { source_labels: [`${META}namespace`], target_label: 'namespace' },
  { source_labels: [`${META}pod_container_name`], target_label: 'container' },
  // An endpoint whose pod is not known keeps the name that the slice has for it.
  copyLabel(`${META}pod_name`, 'pod'),
];

/** Labels of the Kubernetes object that are taken over. */
export function takenLabels(spec: Fields, key: string, role: string): RelabelEntry[] {
  return spec
    .texts(key)
    .map((name) => copyLabel(`${META}${role}_label_${labelName(name)}`, labelName(name)));
}

/** `job`, from a label of the Kubernetes object where the object names one. */
export function jobEntries(
  spec: Fields,
  role: string,
  otherwise: RelabelEntry,
): readonly RelabelEntry[] {
  const own = spec.text('jobLabel');
  if (own === '') return [otherwise];
  return [otherwise, copyLabel(`${META}${role}_label_${labelName(own)}`, 'job')];
}

/** The keys and rules every endpoint of a ServiceMonitor or PodMonitor has. */
export function endpointKeys(endpoint: Fields): {
  readonly keys: JobKeys;
  readonly relabelling: RelabelEntry[];
  readonly metricRelabelling: RelabelEntry[];
} {
  return {
    keys: requestKeys(endpoint),
    relabelling: ownEntries(endpoint, 'relabelings'),
    metricRelabelling: ownEntries(endpoint, 'metricRelabelings'),
  };
}

/** The label `endpoint`, which says by which port a target was found. */
export function endpointLabel(port: string): RelabelEntry[] {
  return port === '' ? [] : [setLabel('endpoint', port)];
}
