import type { SimulatedCluster } from './simulated-cluster.ts';
import type { MetricBody } from './metric-body.ts';
import { growProcess } from './node-metrics.ts';

const BOUNDS = [0.05, 0.1, 0.5, 1, 5, 30];
const CERTIFICATE_BOUNDS = [3_600, 86_400, 604_800, 2_592_000, 31_104_000];

const VERBS = { GET: 40, LIST: 10, WATCH: 5, POST: 8, PUT: 12, PATCH: 6, DELETE: 1 };
const RESOURCES = { pods: 0.5, nodes: 0.2, configmaps: 0.2, leases: 0.1 };

/** What the API server says of itself. */
export function growApiServer(body: MetricBody, cluster: SimulatedCluster, seconds: number): void {
  const own = body.section('apiserver');
  const of = (what: string, usual = 0): number => cluster.oddities.get(what) ?? usual;
  const failed = of('share of failed requests');
  for (const [verb, perSecond] of Object.entries(VERBS)) {
    for (const [resource, share] of Object.entries(RESOURCES)) {
      const count = perSecond * share * seconds;
      const scope = verb === 'LIST' || verb === 'WATCH' ? 'cluster' : 'resource';
      const labels = `verb="${verb}",resource="${resource}",scope="${scope}",subresource=""`;
      own.add(`apiserver_request_total{${labels},code="200"}`, count * (1 - failed));
      own.add(`apiserver_request_total{${labels},code="500"}`, count * failed);
      if (verb === 'WATCH') continue;
      own.observe('apiserver_request_sli_duration_seconds', labels, BOUNDS, { value: 0.04, count });
    }
  }
  own.add(
    'apiserver_request_terminations_total{code="504",resource="pods",scope="cluster",subresource="",verb="LIST"}',
    of('terminated requests per second') * seconds,
  );
  own.observe('apiserver_client_certificate_expiration_seconds', '', CERTIFICATE_BOUNDS, {
    value: of('client certificate seconds', 2.5e7),
    count: seconds,
  });
  for (const name of ['v1beta1.metrics.k8s.io', 'v1.external.example.com']) {
    const isDown = name.startsWith('v1.external') && of('external API down') === 1;
    own.set(`aggregator_unavailable_apiservice{name="${name}"}`, isDown ? 1 : 0);
    own.add(
      `aggregator_unavailable_apiservice_total{name="${name}",reason="FailedDiscoveryCheck"}`,
      isDown ? seconds / 30 : 0,
    );
  }
  for (const name of ['APIServiceRegistrationController', 'crd_openapi_controller']) {
    own.set(`workqueue_depth{name="${name}"}`, name.startsWith('crd') ? 2 : 0);
    own.add(`workqueue_adds_total{name="${name}"}`, seconds / 5);
    own.observe('workqueue_queue_duration_seconds', `name="${name}"`, BOUNDS, {
      value: 0.01,
      count: seconds / 5,
    });
  }
  own.set(
    `kubernetes_build_info{git_version="v1.${of('minor version', 35)}.0",major="1",minor="${of('minor version', 35)}"}`,
    1,
  );
  growProcess(own, seconds, { cores: 0.6, megabytes: 900, createdMs: 0 });
}
