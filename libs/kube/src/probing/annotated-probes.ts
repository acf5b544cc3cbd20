import { DurationSyntaxError, parseDurationMs } from '#libs/labels';
import type { Ingress, Service } from '../objects/cluster.ts';
import type { Metadata } from '../objects/metadata.ts';

/** What an object asks to be probed, before anybody has looked whether there is such a module. */
export interface AnnotatedProbe {
  /** A module's name; null for the usual one. */
  readonly module: string | null;
  readonly scheme: 'http' | 'https';
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** With its `/`. */
  readonly path: string;
  /** Where the host is when it is the cluster's own; null for what DNS says. */
  readonly dialIp: string | null;
  /** Null for the usual. */
  readonly intervalMs: number | null;
  readonly timeoutMs: number | null;
  /** Empty for any of 200 to 299. */
  readonly statusCodes: readonly number[];
  /** A regular expression that the body must match, as it was written; '' for none. */
  readonly bodyPattern: string;
}

/** What an object asks for, and what of it makes no sense. */
export interface AnnotatedProbes {
  readonly probes: readonly AnnotatedProbe[];
  readonly problems: readonly string[];
}

const OWN = 'binnacle.dev/probe';
/** The convention of Prometheus's own example configuration. */
const CONVENTION = 'prometheus.io/probe';

const KEYS: ReadonlySet<string> = new Set(
  ['', '-port', '-path', '-scheme', '-interval', '-timeout', '-status', '-body'].map(
    (suffix) => OWN + suffix,
  ),
);

/** Probes of one object; what has more ports, hosts or paths can name the one that matters. */
const MAX_PROBES = 20;
const MAX_PATTERN_LENGTH = 1_000;

/** The problem of one annotation. */
class AnnotationError extends Error {
  override readonly name = 'AnnotationError';
}

/** What a Service asks for: each of its TCP ports, or the one that it names. */
export function serviceProbes(service: Service): AnnotatedProbes {
  return read(service.metadata, (asked) => {
    const { metadata, spec } = service;
    if (spec.type === 'ExternalName') {
      throw new AnnotationError('a Service of type ExternalName is somewhere else and not probed');
    }
    const ports = spec.ports.filter(({ protocol }) => protocol === 'TCP' || protocol === '');
    const chosen = asked.port === '' ? ports : ports.filter((port) => isPort(port, asked.port));
    if (chosen.length === 0) {
      const what = asked.port === '' ? 'no TCP port' : `no TCP port ${JSON.stringify(asked.port)}`;
      throw new AnnotationError(`the Service has ${what}`);
    }
    const isHeadless = spec.clusterIP === '' || spec.clusterIP === 'None';
    return chosen.map(({ name, port }) => ({
      scheme: asked.scheme ?? (name === 'https' || port === 443 ? 'https' : 'http'),
      host: `${metadata.name}.${metadata.namespace}.svc`,
      port,
      path: asked.path ?? '/',
      dialIp: isHeadless ? null : spec.clusterIP,
    }));
  });
}

function isPort({ name, port }: Service['spec']['ports'][number], wanted: string): boolean {
  return name === wanted || String(port) === wanted;
}

/** What an Ingress asks for: each path of each host that has a name. */
export function ingressProbes({ metadata, spec }: Ingress): AnnotatedProbes {
  return read(metadata, (asked) => {
    if (asked.port !== '' && !/^\d{1,5}$/.test(asked.port)) {
      throw new AnnotationError(`${OWN}-port: an Ingress has no ports with names`);
    }
    const secured = new Set(spec.tls.flatMap(({ hosts }) => hosts));
    const found = new Map<string, Place>();
    for (const { host, http } of spec.rules) {
      // A wildcard is no address, and a rule for every host has none.
      if (host === '' || host.includes('*')) continue;
      const scheme = asked.scheme ?? (secured.has(host) ? 'https' : 'http');
      const port = Number(asked.port) || (scheme === 'https' ? 443 : 80);
      const paths = asked.path === null ? (http?.paths ?? []).map(plainPath) : [asked.path];
      for (const path of paths.length === 0 ? ['/'] : paths) {
        found.set(`${host} ${path}`, { scheme, host, port, path, dialIp: null });
      }
    }
    if (found.size === 0)
      throw new AnnotationError('the Ingress has no rule with a host of its own');
    return [...found.values()];
  });
}

/** A path that is an expression to some controllers is none to ask for. */
function plainPath({ path }: { readonly path: string }): string {
  return /^\/[\w\-.~/%@:+,;=&!']*$/.test(path) ? path : '/';
}

type Place = Pick<AnnotatedProbe, 'scheme' | 'host' | 'port' | 'path' | 'dialIp'>;

interface Asked {
  readonly port: string;
  /** Null where it is not said. */
  readonly path: string | null;
  readonly scheme: 'http' | 'https' | null;
}

function read(metadata: Metadata, placesOf: (asked: Asked) => Place[]): AnnotatedProbes {
  const { annotations } = metadata;
  const own = annotations.get(OWN) ?? '';
  const wanted = own === '' && annotations.get(CONVENTION) === 'true' ? 'true' : own;
  if (wanted === '' || wanted === 'false') return { probes: [], problems: [] };
  const problems = [...annotations.keys()]
    .filter((key) => key.startsWith(`${OWN}-`) && !KEYS.has(key))
    .map((key) => `${key} is not known; accepted are ${[...KEYS].join(', ')}`);
  const text = (key: string): string => annotations.get(`${OWN}-${key}`) ?? '';
  try {
    const common = {
      module: wanted === 'true' ? null : wanted,
      intervalMs: duration('interval', text('interval')),
      timeoutMs: duration('timeout', text('timeout')),
      statusCodes: statusCodes(text('status')),
      bodyPattern: text('body'),
    };
    if (common.bodyPattern.length > MAX_PATTERN_LENGTH) {
      throw new AnnotationError(`${OWN}-body: more than ${MAX_PATTERN_LENGTH} characters`);
    }
    const places = placesOf({
      port: text('port'),
      path: pathOf(text('path')),
      scheme: schemeOf(text('scheme')),
    });
    if (places.length > MAX_PROBES) {
      problems.push(`asks for ${places.length} probes; the first ${MAX_PROBES} are made`);
    }
    const probes = places.slice(0, MAX_PROBES).map((place) => Object.assign(place, common));
    return { probes, problems };
  } catch (error) {
    if (!(error instanceof AnnotationError)) throw error;
    return { probes: [], problems: [...problems, error.message] };
  }
}

function schemeOf(text: string): 'http' | 'https' | null {
  if (text === '') return null;
  if (text === 'http' || text === 'https') return text;
  throw new AnnotationError(`${OWN}-scheme: accepted are http, https`);
}

function pathOf(text: string): string | null {
  if (text === '') return null;
  if (/^\/[\x21-\x7e]*$/.test(text)) return text;
  throw new AnnotationError(`${OWN}-path: a path begins with / and has no spaces`);
}

function duration(key: string, text: string): number | null {
  if (text === '') return null;
  try {
    const ms = parseDurationMs(text);
    if (ms > 0) return ms;
  } catch (error) {
    if (!(error instanceof DurationSyntaxError)) throw error;
  }
  throw new AnnotationError(`${OWN}-${key}: not a duration such as 30s`);
}

function statusCodes(text: string): readonly number[] {
  if (text === '') return [];
  const codes = text.split(',').map((code) => code.trim());
  if (codes.length <= 50 && codes.every((code) => /^[1-5]\d\d$/.test(code)))
    return codes.map(Number);
  throw new AnnotationError(`${OWN}-status: not a list of status codes such as 200,204`);
}
