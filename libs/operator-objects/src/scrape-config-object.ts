import type { Fields, JobKeys } from './fields.ts';
import { requestKeys, sharedKeys } from './job-keys.ts';
import { ownEntries, setLabel } from './relabelling.ts';
import type { TranslationBuilder } from './translation.ts';

const OTHER_DISCOVERIES = [
  'consulSDConfigs',
  'dnsSDConfigs',
  'ec2SDConfigs',
  'azureSDConfigs',
  'gceSDConfigs',
  'openstackSDConfigs',
  'digitalOceanSDConfigs',
  'kumaSDConfigs',
  'eurekaSDConfigs',
  'dockerSDConfigs',
  'dockerSwarmSDConfigs',
  'linodeSDConfigs',
  'hetznerSDConfigs',
  'nomadSDConfigs',
  'puppetDBSDConfigs',
  'lightSailSDConfigs',
  'ovhcloudSDConfigs',
  'scalewaySDConfigs',
  'ionosSDConfigs',
];

const ACCEPTED = 'accepted are staticConfigs, kubernetesSDConfigs, httpSDConfigs';

/** One job, with the targets and rules of the object as they are. */
export function scrapeConfigJobs(builder: TranslationBuilder): void {
  const parts = builder.spec((spec) => {
    spec.refuseAll(OTHER_DISCOVERIES, `no targets are discovered that way; ${ACCEPTED}`);
    spec.refuseAll(
      ['fileSDConfigs'],
      `names files of whoever scrapes, which an object of a namespace may not choose; ${ACCEPTED}`,
    );
    spec.skip('staticConfigs', 'kubernetesSDConfigs', 'httpSDConfigs');
    const keys: JobKeys = { ...sharedKeys(spec), ...requestKeys(spec) };
    if (spec.has('metricsPath')) keys['metrics_path'] = spec.text('metricsPath');
    const fixed = spec.list('staticConfigs').map((group) => groupOf(group));
    const kubernetes = spec.list('kubernetesSDConfigs').map((config) => kubernetesOf(config));
    const http = spec.list('httpSDConfigs').map((config) => httpOf(config));
    if (fixed.length + kubernetes.length + http.length === 0) {
      spec.refuse('', `has no targets; ${ACCEPTED}`);
    }
    if (fixed.length > 0) keys['static_configs'] = fixed;
    if (kubernetes.length > 0) keys['kubernetes_sd_configs'] = kubernetes;
    if (http.length > 0) keys['http_sd_configs'] = http;
    const jobName = spec.text('jobName');
    return {
      keys,
      relabelling: [
        ...(jobName === '' ? [] : [setLabel('job', jobName)]),
        ...ownEntries(spec, 'relabelings'),
      ],
      metricRelabelling: ownEntries(spec, 'metricRelabelings'),
      // What Kubernetes knows is divided among the nodes by itself.
      isClusterWide: fixed.length > 0 || http.length > 0,
      spec,
    };
  });
  if (parts === null) return;
  const { spec, ...rest } = parts;
  builder.part(spec, () => ({ ...rest, name: builder.name('scrapeConfig'), path: 'spec' }));
}

function groupOf(group: Fields): JobKeys {
  const keys: JobKeys = { targets: group.texts('targets') };
  if (group.has('labels')) keys['labels'] = group.record('labels');
  return keys;
}

function kubernetesOf(config: Fields): JobKeys {
  const keys: JobKeys = { role: config.text('role').toLowerCase() };
  config.refuseAll(['apiServer'], 'another API server needs credentials of its own');
  requestKeys(config);
  if (config.has('namespaces')) {
    const namespaces = config.fields('namespaces');
    const ownNamespace = namespaces.flag('ownNamespace');
    if (ownNamespace === true) {
      // It is the namespace of whoever scrapes, not the object's.
      namespaces.refuse('ownNamespace', 'name the namespace instead');
    }
    keys['namespaces'] = { names: namespaces.texts('names') };
  }
  const selectors = config.list('selectors').map((selector) => selectorOf(selector));
  if (selectors.length > 0) keys['selectors'] = selectors;
  if (config.has('attachMetadata')) {
    const attached = config.fields('attachMetadata');
    const node = attached.flag('node');
    const namespace = attached.flag('namespace');
    keys['attach_metadata'] = {
      ...(node !== undefined && { node }),
      ...(namespace !== undefined && { namespace }),
    };
  }
  return keys;
}

function selectorOf(selector: Fields): JobKeys {
  const keys: JobKeys = { role: selector.text('role').toLowerCase() };
  for (const key of ['label', 'field']) if (selector.has(key)) keys[key] = selector.text(key);
  return keys;
}

function httpOf(config: Fields): JobKeys {
  const { tls_config, follow_redirects } = requestKeys(config);
  const keys: JobKeys = { url: config.text('url') };
  if (config.has('refreshInterval')) keys['refresh_interval'] = config.text('refreshInterval');
  if (tls_config !== undefined) keys['tls_config'] = tls_config;
  if (follow_redirects !== undefined) keys['follow_redirects'] = follow_redirects;
  return keys;
}
