import { parseHttpDateMs } from '#libs/calendar';
import { addAddressMetrics, addTlsMetrics } from './common-metrics.ts';
import { matchesJson, parseJson } from './json-condition.ts';
import type { HeaderCondition, HttpProbeModule } from './http-module.ts';
import type { HttpAnswer, HttpExchange, HttpProbeTransport, PhaseSeconds } from './observations.ts';
import { type ProbeFailure, ProbeMetrics, type ProbeVerdict } from './probe-verdict.ts';

/** Everything that happened in one HTTP probe, redirects included. */
export interface HttpProbeObservation {
  /** In order; the last one decides. */
  readonly exchanges: readonly HttpExchange[];
  /** Why the probe did not go on to where the last answer pointed, where that is a failure of its own. */
  readonly redirectFailure: ProbeFailure | null;
}

/** More are not followed. */
export const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What may be told to a host that a redirect leads to and that was never meant to know us. */
const HARMLESS_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'user-agent',
]);

/**
 * Makes the requests of a probe, following redirects by hand: credentials and the module's own headers stay with the
 * target's origin, and a body is never sent on to another.
 * @param target a URL; without a scheme it is taken as `http://…`
 */
export async function observeHttp(
  module: HttpProbeModule,
  target: string,
  transport: HttpProbeTransport,
  options: {
    readonly userAgent: string;
    readonly signal: AbortSignal;
    /** Where the target's own host is, without asking DNS. */
    readonly dialIp?: string | null;
    /** Whether a redirect to another host is an answer and not followed. */
    readonly staysOnHost?: boolean;
  },
): Promise<HttpProbeObservation> {
  const exchanges: HttpExchange[] = [];
  const first = parseTarget(target);
  if (first === null) {
    const message = 'the target is no http or https URL';
    return { exchanges, redirectFailure: { code: 'configuration', message } };
  }
  let hop = { url: first, method: module.method, body: module.body };
  for (;;) {
    const isTrusted = hop.url.origin === first.origin;
    const exchange = await transport.exchange({
      url: hop.url.href,
      method: hop.method,
      body: hop.body,
      headers: requestHeaders(module, options.userAgent, isTrusted),
      isTrusted,
      compression: module.compression,
      maxBodyBytes: module.maxBodyBytes,
      takesHttp2: module.takesHttp2,
      preferredFamily: module.preferredFamily,
      hasFamilyFallback: module.hasFamilyFallback,
      sourceIp: null,
      dialIp: isTrusted ? (options.dialIp ?? null) : null,
      signal: options.signal,
    });
    exchanges.push(exchange);
    const location = exchange.answer === null ? '' : redirectOf(exchange.answer);
    const isFollowed = location !== '' && module.http.followsRedirects;
    if (!isFollowed || exchanges.length > MAX_REDIRECTS)
      return { exchanges, redirectFailure: null };
    const next = nextHop(hop, location, exchange.answer!.status, first.origin);
    if ('code' in next) return { exchanges, redirectFailure: next };
    if (options.staysOnHost === true && next.url.hostname !== first.hostname) {
      return { exchanges, redirectFailure: null };
    }
    hop = next;
  }
}

function parseTarget(target: string): URL | null {
  const url = URL.parse(/^https?:\/\//i.test(target) ? target : `http://${target}`);
  return url === null || !/^https?:$/.test(url.protocol) ? null : url;
}

function requestHeaders(
  module: HttpProbeModule,
  userAgent: string,
  isTrusted: boolean,
): readonly (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = module.headers.filter(
    ([name]) => isTrusted || HARMLESS_HEADERS.has(name.toLowerCase()),
  );
  const has = (wanted: string) => headers.some(([name]) => name.toLowerCase() === wanted);
  if (!has('user-agent')) headers.push(['User-Agent', userAgent]);
  if (module.compression !== 'none' && !has('accept-encoding')) {
    headers.push(['Accept-Encoding', module.compression]);
  }
  return headers;
}

function redirectOf(answer: HttpAnswer): string {
  return REDIRECTS.has(answer.status) ? (headerValues(answer, 'location')[0] ?? '') : '';
}

interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly body: string;
}

function nextHop(hop: Hop, location: string, status: number, origin: string): Hop | ProbeFailure {
  const url = URL.parse(location, hop.url.href);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return { code: 'redirect', message: 'redirected to something that is no http or https URL' };
  }
  url.username = '';
  url.password = '';
  const keepsMethod = status === 307 || status === 308 || /^(GET|HEAD)$/.test(hop.method);
  const { method, body } = keepsMethod ? hop : { method: 'GET', body: '' };
  if (body !== '' && url.origin !== origin) {
    return { code: 'redirect', message: 'the redirect would send the body to another host' };
  }
  return { url, method, body };
}

const PHASES = ['resolve', 'connect', 'tls', 'processing', 'transfer'] as const;

/** What a probe came to, under blackbox_exporter's names. */
export function judgeHttp(
  module: HttpProbeModule,
  observation: HttpProbeObservation,
  durationSeconds: number,
): ProbeVerdict {
  const { exchanges, redirectFailure } = observation;
  const metrics = new ProbeMetrics();
  const last = exchanges.at(-1);
  const answer = last?.answer ?? null;
  const regex = { hasFailed: false };
  const failure =
    redirectFailure ??
    (answer === null ? (last?.failure ?? null) : judgeAnswer(module, answer, regex)) ??
    last?.failure ??
    null;
  addAddressMetrics(metrics, exchanges[0]?.address ?? null, exchanges[0]?.phases.resolve ?? 0);
  const phases = sumPhases(exchanges);
  for (const phase of PHASES) {
    metrics.set('probe_http_duration_seconds', phases[phase], { phase });
  }
  metrics.set('probe_failed_due_to_regex', regex.hasFailed ? 1 : 0);
  metrics.set('probe_http_content_length', answer === null ? 0 : contentLength(answer));
  // One that was not followed counts as well.
  const isRedirect = answer !== null && redirectOf(answer) !== '';
  const redirects = isRedirect ? exchanges.length : exchanges.length - 1;
  metrics.set('probe_http_redirects', Math.max(0, redirects));
  metrics.set('probe_http_ssl', answer !== null && answer.tls !== null ? 1 : 0);
  metrics.set('probe_http_status_code', answer?.status ?? 0);
  metrics.set('probe_http_uncompressed_body_length', answer?.body.length ?? 0);
  metrics.set('probe_http_version', answer === null ? 0 : Number(answer.httpVersion));
  if (answer !== null) {
    const modifiedMs = parseHttpDateMs(headerValues(answer, 'last-modified')[0] ?? '');
    if (modifiedMs !== null) {
      metrics.set('probe_http_last_modified_timestamp_seconds', modifiedMs / 1_000);
    }
    if (answer.tls !== null) addTlsMetrics(metrics, answer.tls);
  }
  return metrics.verdict(failure, durationSeconds);
}

function judgeAnswer(
  module: HttpProbeModule,
  answer: HttpAnswer,
  regex: { hasFailed: boolean },
): ProbeFailure | null {
  const { status } = answer;
  const isValidStatus =
    module.validStatusCodes.length === 0
      ? status >= 200 && status < 300
      : module.validStatusCodes.includes(status);
  if (!isValidStatus) {
    const accepted =
      module.validStatusCodes.length === 0 ? '2xx' : module.validStatusCodes.join(', ');
    const message = `status ${status} ${answer.statusText}`.trimEnd();
    return { code: 'status', message: `${message}; accepted is ${accepted}` };
  }
  const header = judgeHeaders(module, answer);
  if (header !== null) {
    regex.hasFailed = true;
    return header;
  }
  const body = judgeBody(module, answer) ?? judgeJson(module, answer);
  if (body !== null) {
    regex.hasFailed = true;
    return body;
  }
  const version = `HTTP/${answer.httpVersion}`;
  if (module.validHttpVersions.length > 0 && !module.validHttpVersions.includes(version)) {
    const accepted = module.validHttpVersions.join(', ');
    return { code: 'version', message: `answered with ${version}; accepted is ${accepted}` };
  }
  if (module.failsIfSsl && answer.tls !== null) {
    return { code: 'ssl', message: 'the final answer came over TLS' };
  }
  if (module.failsIfNotSsl && answer.tls === null) {
    return { code: 'ssl', message: 'the final answer did not come over TLS' };
  }
  return null;
}

function judgeHeaders(module: HttpProbeModule, answer: HttpAnswer): ProbeFailure | null {
  for (const condition of module.failsIfHeaderMatches) {
    const values = headerValues(answer, condition.header);
    if (values.length === 0 && !condition.allowsMissing)
      return headerFailure(condition, 'is missing');
    if (values.some((value) => condition.pattern.test(value))) {
      return headerFailure(condition, `matches ${condition.pattern.pattern}`);
    }
  }
  for (const condition of module.failsIfHeaderNotMatches) {
    const values = headerValues(answer, condition.header);
    if (values.length === 0) {
      if (condition.allowsMissing) continue;
      return headerFailure(condition, 'is missing');
    }
    if (!values.some((value) => condition.pattern.test(value))) {
      return headerFailure(condition, `does not match ${condition.pattern.pattern}`);
    }
  }
  return null;
}

function headerFailure({ header }: HeaderCondition, what: string): ProbeFailure {
  return { code: 'header', message: `header ${header} ${what}` };
}

function judgeBody(module: HttpProbeModule, answer: HttpAnswer): ProbeFailure | null {
  if (module.failsIfBodyMatches.length + module.failsIfBodyNotMatches.length === 0) return null;
  const body = answer.body.toString('utf8');
  const matching = module.failsIfBodyMatches.find((pattern) => pattern.test(body));
  if (matching !== undefined) {
    return { code: 'body', message: `the body matches ${matching.pattern}` };
  }
  const missing = module.failsIfBodyNotMatches.find((pattern) => !pattern.test(body));
  if (missing !== undefined) {
    return { code: 'body', message: `the body does not match ${missing.pattern}` };
  }
  return null;
}

function judgeJson(module: HttpProbeModule, answer: HttpAnswer): ProbeFailure | null {
  const { failsIfJsonMatches, failsIfJsonNotMatches } = module;
  if (failsIfJsonMatches.length + failsIfJsonNotMatches.length === 0) return null;
  const body = parseJson(answer.body);
  if (body === null) return { code: 'body', message: 'the body is no JSON' };
  const matching = failsIfJsonMatches.find((condition) => matchesJson(condition, body.value));
  if (matching !== undefined) {
    return {
      code: 'body',
      message: `the body's ${matching.pointer} matches ${matching.pattern.pattern}`,
    };
  }
  const missing = failsIfJsonNotMatches.find((condition) => !matchesJson(condition, body.value));
  if (missing !== undefined) {
    const what = `does not match ${missing.pattern.pattern}`;
    return { code: 'body', message: `the body's ${missing.pointer} ${what}` };
  }
  return null;
}

function headerValues(answer: HttpAnswer, name: string): string[] {
  return answer.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

/** -1 where the length is not known beforehand, as in Go. */
function contentLength(answer: HttpAnswer): number {
  const text = headerValues(answer, 'content-length')[0] ?? '';
  return /^\d+$/.test(text) ? Number(text) : -1;
}

function sumPhases(exchanges: readonly HttpExchange[]): PhaseSeconds {
  const sum = { resolve: 0, connect: 0, tls: 0, processing: 0, transfer: 0 };
  for (const { phases } of exchanges) for (const phase of PHASES) sum[phase] += phases[phase];
  return sum;
}
