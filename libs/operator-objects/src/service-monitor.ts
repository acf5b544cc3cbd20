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
import { keep, literal, META, type RelabelEntry, selectorEntries } from './relabelling.ts';
import type { TranslationBuilder } from './translation.ts';

const SLICE = `${META}endpointslice_`;

/**
 * The names that Endpoints have in labels, from those that EndpointSlices have: objects written for the former go on
 * working.
 */
const NAMES_OF_ENDPOINTS: readonly RelabelEntry[] = [
  {
    action: 'labelmap',
    regex: `${SLICE}(address_target_kind|address_target_name|port_name|port_protocol)`,
    replacement: `${META}endpoint_$1`,
  },
  {
    action: 'labelmap',
    regex: `${SLICE}endpoint_(hostname|node_name)`,
    replacement: `${META}endpoint_$1`,
  },
  {
    source_labels: [`${SLICE}endpoint_conditions_ready`],
    target_label: `${META}endpoint_ready`,
  },
  { source_labels: [`${META}service_name`], target_label: `${META}endpoints_name` },
];

/** A job for each endpoint; targets are the endpoints of the services that the object selects. */
export function serviceMonitorJobs(builder: TranslationBuilder): void {
  const shared = builder.spec((spec) => {
    spec.skip('endpoints', 'selectorMechanism', 'serviceDiscoveryRole');
    const namespaces = selectedNamespaces(spec, builder.object.metadata.namespace);
    const attached = spec.has('attachMetadata') ? spec.fields('attachMetadata') : null;
    const serviceName: RelabelEntry = {
      source_labels: [`${META}service_name`],
      target_label: 'job',
    };
    return {
      keys: sharedKeys(spec),
      discovery: discoveryKeys(builder, { role: 'endpointslice', namespaces, attached }),
      selection: selectorEntries(spec.fields('selector'), 'service'),
      labels: [
        ...takenLabels(spec, 'targetLabels', 'service'),
        ...takenLabels(spec, 'podTargetLabels', 'pod'),
        ...jobEntries(spec, 'service', serviceName),
      ],
      endpoints: spec.list('endpoints'),
    };
  });
  if (shared === null) return;
  const { keys, discovery, selection, labels, endpoints } = shared;
  endpoints.forEach((endpoint, index) => {
    builder.part(endpoint, (from) => {
      const own = endpointKeys(from);
      const { port, entries } = portOf(from);
      return {
        name: `${builder.name('serviceMonitor')}/${index}`,
        path: from.path,
        isClusterWide: false,
        keys: { ...keys, ...discovery.keys, ...own.keys },
        relabelling: [
          ...discovery.relabelling,
          ...runningEntries(from),
          ...selection,
          ...entries,
          ...ownerEntries('Node', 'node'),
          ...ownerEntries('Pod', 'pod'),
          { source_labels: [`${META}service_name`], target_label: 'service' },
          ...POD_LABELS,
          ...labels,
          ...endpointLabel(port),
          ...(usesNamesOfEndpoints(own.relabelling) ? NAMES_OF_ENDPOINTS : []),
          ...own.relabelling,
        ],
        metricRelabelling: own.metricRelabelling,
      };
    });
  });
}

function portOf(endpoint: Fields): { readonly port: string; readonly entries: RelabelEntry[] } {
  const port = endpoint.text('port');
  const target = endpoint.raw('targetPort');
  if (port !== '') return { port, entries: [keep(`${SLICE}port_name`, literal(port))] };
  if (target === undefined || target === '') return { port: '', entries: [] };
  const text = endpoint.text('targetPort');
  const by = /^\d+$/.test(text) ? 'number' : 'name';
  return { port: text, entries: [keep(`${META}pod_container_port_${by}`, literal(text))] };
}

/** What stands behind an endpoint, under the name of its kind. */
function ownerEntries(kind: string, target: string): RelabelEntry[] {
  return [
    {
      source_labels: [`${SLICE}address_target_kind`, `${SLICE}address_target_name`],
      separator: ';',
      regex: `${kind};(.*)`,
      target_label: target,
    },
  ];
}

function usesNamesOfEndpoints(entries: readonly RelabelEntry[]): boolean {
  return entries.some(({ source_labels: sources = [], regex = '' }) =>
    [...sources, regex].some((text) => /__meta_kubernetes_endpoints?_/.test(text)),
  );
}
