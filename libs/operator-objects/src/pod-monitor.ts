import type { Fields } from './fields.ts';
import { sharedKeys } from './job-keys.ts';
import {
  discoveryKeys,
  endpointKeys,
  endpointLabel,
  jobEntries,
  POD_LABELS,
  runningEntries,
  selectedNamespaces,
  takenLabels,
} from './kubernetes-jobs.ts';
import {
  keep,
  literal,
  META,
  type RelabelEntry,
  selectorEntries,
  setLabel,
} from './relabelling.ts';
import type { TranslationBuilder } from './translation.ts';

/** A job for each endpoint; targets are the containers' ports of the pods that the object selects. */
export function podMonitorJobs(builder: TranslationBuilder): void {
  const { namespace, name } = builder.object.metadata;
  const shared = builder.spec((spec) => {
    spec.skip('podMetricsEndpoints', 'selectorMechanism');
    const namespaces = selectedNamespaces(spec, namespace);
    const attached = spec.has('attachMetadata') ? spec.fields('attachMetadata') : null;
    return {
      keys: sharedKeys(spec),
      discovery: discoveryKeys(builder, { role: 'pod', namespaces, attached }),
      selection: selectorEntries(spec.fields('selector'), 'pod'),
      labels: [
        ...takenLabels(spec, 'podTargetLabels', 'pod'),
        ...jobEntries(spec, 'pod', setLabel('job', `${namespace}/${name}`)),
      ],
      endpoints: spec.list('podMetricsEndpoints'),
    };
  });
  if (shared === null) return;
  const { keys, discovery, selection, labels, endpoints } = shared;
  endpoints.forEach((endpoint, index) => {
    builder.part(endpoint, (from) => {
      const own = endpointKeys(from);
      const { port, entries } = portOf(from);
      return {
        name: `${builder.name('podMonitor')}/${index}`,
        path: from.path,
        isClusterWide: false,
        keys: { ...keys, ...discovery.keys, ...own.keys },
        relabelling: [
          ...discovery.relabelling,
          ...runningEntries(from),
          ...selection,
          ...entries,
          ...POD_LABELS,
          ...labels,
          ...endpointLabel(port),
          ...own.relabelling,
        ],
        metricRelabelling: own.metricRelabelling,
      };
    });
  });
}

/** `port` names one, `portNumber` and the older `targetPort` count; without any, every port of every container is one. */
function portOf(endpoint: Fields): { readonly port: string; readonly entries: RelabelEntry[] } {
  endpoint.skip('port', 'portNumber', 'targetPort');
  for (const key of ['port', 'portNumber', 'targetPort'] as const) {
    if (!endpoint.has(key)) continue;
    const port = endpoint.text(key);
    const by = key !== 'port' && /^\d+$/.test(port) ? 'number' : 'name';
    return { port, entries: [keep(`${META}pod_container_port_${by}`, literal(port))] };
  }
  return { port: '', entries: [] };
}
