import type { AnnotatedProbe, AnnotatedProbes, KubeObject } from '#libs/kube';
import { Labels, RegExpSyntaxError } from '#libs/labels';
import { type NamedProbeModule, type ProbeModule, SearchPattern } from '#libs/probes';
import type { ProbeJob } from './probe-job.ts';
import type { ProbesConfig } from './probes-config.ts';

/** What annotations ask for where they name no module. */
const USUAL_MODULE = 'http_2xx';

/** What one object's annotations come to. */
export interface AnnotatedJobs {
  readonly jobs: readonly ProbeJob[];
  /** As the object's owner is to read them. */
  readonly problems: readonly string[];
}

/**
 * The probes that an object asks for by annotation.
 * @param asked what its annotations say
 */
export function annotatedJobs(
  kind: 'service' | 'ingress',
  { namespace, name }: Pick<KubeObject['metadata'], 'namespace' | 'name'>,
  asked: AnnotatedProbes,
  config: ProbesConfig['annotated'],
): AnnotatedJobs {
  const problems = [...asked.problems];
  const jobs = new Map<string, ProbeJob>();
  for (const probe of asked.probes) {
    const moduleName = probe.module ?? USUAL_MODULE;
    const named = config.modules.get(moduleName);
    if (named === undefined) {
      const accepted = [...config.modules.keys()].join(', ');
      problems.push(
        `module ${moduleName} is not to be had by annotation; accepted are ${accepted}`,
      );
      break;
    }
    const module = fitted(named.module, probe);
    if (typeof module === 'string') {
      problems.push(module);
      break;
    }
    const target = targetOf(module, probe);
    const intervalMs = Math.max(probe.intervalMs ?? config.intervalMs, config.minIntervalMs);
    jobs.set(target, {
      name: `${kind}/${namespace}/${name}`,
      moduleName,
      module,
      target,
      intervalMs,
      timeoutMs: Math.min(timeoutOf(probe, named, config), intervalMs),
      labels: Labels.fromRecord({
        job: kind === 'service' ? 'kubernetes-services' : 'kubernetes-ingresses',
        instance: target,
        module: moduleName,
        target,
        namespace,
        [kind]: name,
        scope: kind,
      }),
      dialIp: probe.dialIp,
      isGuarded: true,
    });
  }
  return { jobs: [...jobs.values()], problems };
}

function timeoutOf(
  { timeoutMs }: AnnotatedProbe,
  module: NamedProbeModule,
  config: ProbesConfig['annotated'],
): number {
  return Math.min(timeoutMs ?? module.timeoutMs ?? config.timeoutMs, config.timeoutMs);
}

/** The module with what the annotations say about the answer, or what is wrong with that. */
function fitted(module: ProbeModule, probe: AnnotatedProbe): ProbeModule | string {
  const { statusCodes, bodyPattern } = probe;
  if (statusCodes.length === 0 && bodyPattern === '') return module;
  if (module.kind !== 'http') return 'a status and a body are for modules of the http prober';
  try {
    const { http } = module;
    return {
      kind: 'http',
      http: {
        ...http,
        validStatusCodes: statusCodes.length === 0 ? http.validStatusCodes : statusCodes,
        failsIfBodyNotMatches:
          bodyPattern === ''
            ? http.failsIfBodyNotMatches
            : [...http.failsIfBodyNotMatches, new SearchPattern(bodyPattern)],
      },
    };
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    return `binnacle.dev/probe-body: ${error.message}`;
  }
}

function targetOf({ kind }: ProbeModule, { scheme, host, port, path }: AnnotatedProbe): string {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (kind === 'http') return new URL(`${scheme}://${authority}${path}`).href;
  return kind === 'icmp' ? host : authority;
}
