import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';

/** The data source that the dashboard's `datasource` variable has chosen. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** The data source of log lines, of the variable `logs`. */
export const LOGS = { type: 'loki', uid: '${logs}' };

/** Grafana's window for `rate()`: at least four scrapes. */
export const RATE = '$__rate_interval';

/*
 * Matchers of what the dashboard's variables choose. "All" is `.*`, which also matches series without the label: an
 * install that names no cluster needs no other dashboards.
 */
export const CLUSTER = 'cluster=~"$cluster"';
export const NAMESPACE = `${CLUSTER}, namespace=~"$namespace"`;
export const POD = `${NAMESPACE}, pod=~"$pod"`;
/** Kubernetes' own series of a node carry its name as `node`, those of its operating system as `instance`. */
export const NODE = `${CLUSTER}, node=~"$node"`;
export const HOST = `${CLUSTER}, instance=~"$node"`;
/** The containers of a pod without the pod's own cgroup and its sandbox, which would count everything twice. */
export const CONTAINER = 'container!="", container!="POD"';

/** The pods of the chosen workloads, to multiply with: it adds the labels `workload` and `workload_type`. */
const WORKLOAD_PODS = `namespace_workload_pod:kube_pod_owner:relabel{${NAMESPACE}, workload=~"$workload"}`;

/** `expr` of single pods, kept for the pods of the chosen workloads and labelled with them. */
export function ofWorkloads(expr: string): string {
  return `(${expr}) * on (cluster, namespace, pod) group_left (workload, workload_type) max by (cluster, namespace, pod, workload, workload_type) (${WORKLOAD_PODS})`;
}

const LABEL_VALUES = {
  cluster: ['Cluster', 'label_values(up, cluster)'],
  namespace: [
    'Namespace',
    `label_values(kube_namespace_status_phase{${CLUSTER}, phase="Active"}, namespace)`,
  ],
  workload: [
    'Workload',
    `label_values(namespace_workload_pod:kube_pod_owner:relabel{${NAMESPACE}}, workload)`,
  ],
  pod: ['Pod', `label_values(kube_pod_info{${NAMESPACE}}, pod)`],
  node: ['Node', `label_values(kube_node_info{${CLUSTER}}, node)`],
  host: ['Node', `label_values(node_uname_info{${CLUSTER}}, instance)`],
} as const;

/** A variable by name; `host` is called `node` too, and asks the operating systems instead of Kubernetes. */
export type VariableName = keyof typeof LABEL_VALUES | 'logs';

/** The name that a query uses. */
function variableName(name: VariableName): string {
  return name === 'host' ? 'node' : name;
}

/**
 * The variables that choose a data source. They start at the one that `provisioning/` makes; where that is not there,
 * Grafana takes the first of the type.
 */
export function datasourceVariable(name: 'datasource' | 'logs'): DatasourceVariableBuilder {
  return name === 'datasource'
    ? new DatasourceVariableBuilder('datasource')
        .label('Data source')
        .type('prometheus')
        .current({ selected: true, text: 'Binnacle', value: 'binnacle' })
    : new DatasourceVariableBuilder('logs')
        .label('Logs')
        .type('loki')
        .current({ selected: true, text: 'Binnacle logs', value: 'binnacle-logs' });
}

/**
 * A variable whose values are those of a label. With `hasAll` it starts at "All", without it at the first value: a page about
 * one pod would draw a line for each of all pods.
 */
export function labelVariable(
  name: Exclude<VariableName, 'logs'>,
  hasAll: boolean,
): QueryVariableBuilder {
  const [label, query] = LABEL_VALUES[name];
  const variable = new QueryVariableBuilder(variableName(name))
    .label(label)
    .datasource(DATASOURCE)
    .query(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    // oxlint-disable-next-line unicorn/no-array-sort -- the method of a builder
    .sort(VariableSort.AlphabeticalAsc)
    .multi(name !== 'cluster')
    .includeAll(hasAll);
  return hasAll
    ? variable.allValue('.*').current({ selected: true, text: 'All', value: '$__all' })
    : variable;
}
