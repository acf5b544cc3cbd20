import type { Fields, JobKeys } from './fields.ts';
import { probeTimes, requestKeys, sharedKeys } from './job-keys.ts';
import { discoveryKeys, selectedNamespaces } from './kubernetes-jobs.ts';
import { META, ownEntries, type RelabelEntry, selectorEntries, setLabel } from './relabelling.ts';
import { type JobParts, OWN_PROBER, type TranslationBuilder } from './translation.ts';

/** The prober is asked about each target: the target becomes a parameter, and `instance`. */
function askProber(url: string): RelabelEntry[] {
  return [
    { source_labels: ['__param_target'], target_label: 'instance' },
    setLabel('__address__', url),
  ];
}

/** One job, which asks a prober such as blackbox_exporter about the object's targets. */
export function probeJobs(builder: TranslationBuilder): void {
  const shared = builder.spec((spec) => {
    spec.skip('targets');
    const prober = proberOf(builder, spec);
    const params = paramsOf(spec);
    const jobName = spec.text('jobName');
    const parts = {
      ...prober,
      keys: {
        ...sharedKeys(spec),
        ...prober.keys,
        ...(Object.keys(params).length > 0 && { params }),
      },
      job: jobName === '' ? [] : [setLabel('job', jobName)],
      metricRelabelling: ownEntries(spec, 'metricRelabelings'),
      targets: spec.fields('targets'),
    };
    return parts;
  });
  if (shared === null) return;
  const { url, isProbedHere, keys, job, metricRelabelling, targets } = shared;
  builder.part(targets, (from): JobParts => {
    const common = {
      name: builder.name('probe'),
      isClusterWide: true,
      isProbedHere,
      metricRelabelling,
    };
    if (from.has('staticConfig')) {
      from.skip('ingress');
      const fixed = from.fields('staticConfig');
      const found = staticTargets(builder, fixed);
      builder.ignore(fixed);
      return {
        ...common,
        path: fixed.path,
        keys: { ...keys, ...found.keys },
        relabelling: [...job, ...found.relabelling, ...askProber(url), ...found.own],
      };
    }
    if (!from.has('ingress')) {
      from.refuse('', 'has no targets; accepted are staticConfig and ingress');
    }
    const ingress = from.fields('ingress');
    const found = ingressTargets(builder, ingress);
    builder.ignore(ingress);
    return {
      ...common,
      path: ingress.path,
      keys: { ...keys, ...found.keys },
      relabelling: [...job, ...found.relabelling, ...askProber(url), ...found.own],
    };
  });
}

interface Prober {
  /** Host and port. */
  readonly url: string;
  readonly isProbedHere: boolean;
  /** How it is asked. */
  readonly keys: JobKeys;
}

/** Who probes, and how that one is asked. */
function proberOf(builder: TranslationBuilder, spec: Fields): Prober {
  const { ownProber } = builder.options;
  const prober = spec.fields('prober');
  const url = prober.text('url');
  const isNamed = url !== '' && url !== OWN_PROBER;
  if (ownProber === 'always' || (ownProber === 'auto' && !isNamed)) {
    // What another prober would be told says nothing here.
    return { url: OWN_PROBER, isProbedHere: true, keys: probeTimes(spec) };
  }
  if (url === '') prober.refuse('url', 'is missing: nobody is named who probes');
  else if (url.includes('/')) prober.refuse('url', 'expected host and port');
  prober.refuseAll(
    ['proxyUrl', 'proxyFromEnvironment', 'proxyConnectHeader'],
    'no prober is asked through a proxy',
  );
  prober.skip('noProxy');
  const keys = {
    ...requestKeys(spec),
    metrics_path: prober.text('path') || '/probe',
    ...(prober.has('scheme') && { scheme: prober.text('scheme').toLowerCase() }),
  };
  builder.ignore(prober);
  return { url, isProbedHere: false, keys };
}

interface ProbeTargets {
  readonly keys: JobKeys;
  readonly relabelling: readonly RelabelEntry[];
  /** The object's own rules; they see what the target has become. */
  readonly own: readonly RelabelEntry[];
}

function paramsOf(spec: Fields): Record<string, readonly string[]> {
  const params: Record<string, readonly string[]> = Object.create(null);
  for (const entry of spec.list('params')) params[entry.text('name')] = entry.texts('values');
  const module = spec.text('module');
  if (module !== '') params['module'] = [module];
  return params;
}

function staticTargets(builder: TranslationBuilder, from: Fields): ProbeTargets {
  const targets = from.texts('static');
  if (targets.length === 0) from.refuse('static', 'has no targets');
  const labels = { namespace: builder.object.metadata.namespace, ...from.record('labels') };
  return {
    keys: { static_configs: [{ targets, labels }] },
    relabelling: [{ source_labels: ['__address__'], target_label: '__param_target' }],
    own: ownEntries(from, 'relabelingConfigs'),
  };
}

function ingressTargets(builder: TranslationBuilder, from: Fields): ProbeTargets {
  const namespaces = selectedNamespaces(from, builder.object.metadata.namespace);
  const discovery = discoveryKeys(builder, { role: 'ingress', namespaces, attached: null });
  return {
    keys: discovery.keys,
    relabelling: [
      ...discovery.relabelling,
      ...selectorEntries(from.fields('selector'), 'ingress'),
      {
        source_labels: [`${META}ingress_scheme`, '__address__', `${META}ingress_path`],
        separator: ';',
        regex: '(.+);(.+);(.+)',
        target_label: '__param_target',
        replacement: '${1}://${2}${3}',
      },
      { source_labels: [`${META}namespace`], target_label: 'namespace' },
      { source_labels: [`${META}ingress_name`], target_label: 'ingress' },
    ],
    own: ownEntries(from, 'relabelingConfigs'),
  };
}
