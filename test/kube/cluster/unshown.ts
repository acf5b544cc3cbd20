/**
 * What the simulated cluster does not show, each with the reason. The test fails for one that is missing here, and for one
 * that shows something after all.
 */

/** Queries of panels without data, by dashboard, panel and query. */
export const UNSHOWN_PANELS: Readonly<Record<string, string>> = {
  'Binnacle/logs.json: Volume against a day before: B':
    'compares with the day before, and the cluster lives for less than two hours',
  'Binnacle/logs.json: Left out on purpose: A':
    'the simulated collectors have no steps that leave lines out',
  'Binnacle/logs.json: Not as expected: A': 'every simulated line is as expected',
  'Binnacle/logs.json: Not as expected: B': 'every simulated line is as expected',
  'Binnacle/logs.json: Not as expected: C': 'every simulated line is as expected',
};

/** Alerts that do not fire, by name and severity. */
export const UNSHOWN_ALERTS: Readonly<Record<string, string>> = {
  'CollectorDown warning':
    'collectors scrape themselves, and one that is gone is NodeWithoutCollector; this is for collectors others scrape',
  'EngineNoLeader critical': 'this engine keeps its state to itself (docs/adr/0030)',
  'EngineReplicaLag warning': 'this engine has no replica (docs/adr/0051)',
  'EngineStandby none': 'this engine keeps its state to itself (docs/adr/0030)',
  'KubeAPIDown critical': 'would take everything else that is told of the API server with it',
  'KubeCPUOvercommit warning': 'would need a cluster that is too small for everything else in it',
  'KubeCPUQuotaOvercommit warning': 'would need quotas that mute those of the single namespaces',
  'KubeControllerManagerDown critical':
    'the controller manager is not scraped here, as in managed clusters',
  'KubeControllerManagerInstanceUnreachable warning': 'the controller manager is not scraped here',
  'KubeMemoryOvercommit warning':
    'would need a cluster that is too small for everything else in it',
  'KubeMemoryQuotaOvercommit warning': 'would need quotas that mute those of the single namespaces',
  'KubeSchedulerDown critical': 'the scheduler is not scraped here, as in managed clusters',
  'KubeSchedulerInstanceUnreachable warning': 'the scheduler is not scraped here',
  'KubeletClientCertificateExpiration critical':
    'the one kubelet with bad certificates shows the warning',
  'KubeletDown critical': 'would take every kubelet, and with them everything else',
  'KubeletTooManyPods info': 'would need 105 pods on one node',
  'LogRecordsUnenriched warning': 'every line here is of a pod that is known',
  'LogStreamSilent warning': 'looks back a day, and only where a namespace asks for it',
  'StateDatabaseUnreachable warning': 'this engine keeps its state to itself (docs/adr/0030)',
  'TSDBCompactionsFailing warning': 'waits for four hours',
};

/** Recording rules without a series, by name and labels. */
export const UNSHOWN_RECORDS: Readonly<Record<string, string>> = {
  'namespace_workload_pod:kube_pod_owner:relabel{workload_type="replicaset"}':
    'there is no ReplicaSet without a Deployment',
};

/** Dashboards of the community without a single panel with data. */
export const UNSHOWN_COMMUNITY: Readonly<Record<string, string>> = {
  'controller-manager.json': 'the controller manager is not scraped here',
  'grafana-overview.json': "Grafana's own metrics; there is none here",
  'k8s-resources-windows-cluster.json': 'Windows nodes are out of scope',
  'k8s-resources-windows-namespace.json': 'Windows nodes are out of scope',
  'k8s-resources-windows-pod.json': 'Windows nodes are out of scope',
  'k8s-windows-cluster-rsrc-use.json': 'Windows nodes are out of scope',
  'k8s-windows-node-rsrc-use.json': 'Windows nodes are out of scope',
  'proxy.json': 'kube-proxy is not scraped here',
  'scheduler.json': 'the scheduler is not scraped here',
};
