import { addAddressMetrics } from '../common-metrics.ts';
import type { DnsExchange, DnsProbeTransport } from '../observations.ts';
import { type ProbeFailure, ProbeMetrics, type ProbeVerdict } from '../probe-verdict.ts';
import {
  decodeDnsMessage,
  DNS_TYPES,
  type DnsMessage,
  DnsMessageError,
  type DnsRecord,
  encodeDnsQuery,
} from './dns-message.ts';
import type { DnsProbeModule, RecordConditions } from './dns-module.ts';

/** What a DNS probe saw. */
export interface DnsProbeObservation extends Omit<DnsExchange, 'answer'> {
  readonly message: DnsMessage | null;
}

const NOTHING: DnsProbeObservation = {
  address: null,
  phases: { resolve: 0, connect: 0, request: 0 },
  message: null,
  failure: null,
};

/**
 * Asks a server.
 * @param target `host` or `host:port`; the port is 53, or 853 with TLS
 */
export async function observeDns(
  module: DnsProbeModule,
  target: string,
  transport: DnsProbeTransport,
  options: { readonly signal: AbortSignal; readonly id: number },
): Promise<DnsProbeObservation> {
  const server = parseDnsTarget(target, module.isTls ? 853 : 53);
  if (server === null) {
    const message = 'the target is no host or host:port';
    return { ...NOTHING, failure: { code: 'configuration', message } };
  }
  const { id } = options;
  const exchange = await transport.exchange({
    ...server,
    protocol: module.protocol,
    isTls: module.isTls,
    query: encodeDnsQuery({
      id,
      name: module.queryName,
      type: module.queryType,
      class: module.queryClass,
      isRecursionDesired: module.isRecursionDesired,
    }),
    // Anything else that comes in is somebody else's.
    isAnswer: (bytes) => bytes.length >= 2 && bytes.readUInt16BE(0) === id,
    preferredFamily: module.preferredFamily,
    hasFamilyFallback: module.hasFamilyFallback,
    sourceIp: module.sourceIp,
    dialIp: null,
    signal: options.signal,
  });
  const { answer, ...reached } = exchange;
  if (answer === null) return { ...reached, message: null };
  try {
    const message = decodeDnsMessage(answer);
    if (message.isResponse) return { ...reached, message };
    throw new DnsMessageError('the server sent a question');
  } catch (error) {
    if (!(error instanceof DnsMessageError)) throw error;
    const message = `the answer cannot be read: ${error.message}`;
    return { ...reached, message: null, failure: { code: 'protocol', message } };
  }
}

/** Reads `host`, `host:port`, `v6` or `[v6]:port`, or gives null. */
export function parseDnsTarget(
  target: string,
  defaultPort: number,
): { host: string; port: number } | null {
  const match =
    /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]/?#@\s]+))(?::(\d{1,5}))?$/.exec(target) ??
    /^([0-9a-fA-F:.]+)()()$/.exec(target);
  if (match === null) return null;
  const port = match[3] === undefined || match[3] === '' ? defaultPort : Number(match[3]);
  if (port === 0 || port > 65_535) return null;
  return { host: match[1] ?? match[2]!, port };
}

const PHASES = ['resolve', 'connect', 'request'] as const;

/** What a probe came to, under blackbox_exporter's names. */
export function judgeDns(
  module: DnsProbeModule,
  observation: DnsProbeObservation,
  durationSeconds: number,
): ProbeVerdict {
  const { address, phases, message } = observation;
  const metrics = new ProbeMetrics();
  addAddressMetrics(metrics, address, phases.resolve);
  for (const phase of PHASES) metrics.set('probe_dns_duration_seconds', phases[phase], { phase });
  metrics.set('probe_dns_answer_rrs', message?.answers.length ?? 0);
  metrics.set('probe_dns_authority_rrs', message?.authorities.length ?? 0);
  metrics.set('probe_dns_additional_rrs', message?.additionals.length ?? 0);
  metrics.set('probe_dns_query_succeeded', message === null ? 0 : 1);
  if (module.queryType === DNS_TYPES['SOA']) {
    const soa = message?.answers.find(({ serial }) => serial !== null);
    metrics.set('probe_dns_serial', soa?.serial ?? 0);
  }
  const failure = observation.failure ?? (message === null ? null : judgeMessage(module, message));
  return metrics.verdict(failure, durationSeconds);
}

function judgeMessage(module: DnsProbeModule, message: DnsMessage): ProbeFailure | null {
  if (!module.validRcodes.includes(message.rcode)) {
    const accepted = module.validRcodes.join(', ');
    return { code: 'status', message: `the server says ${message.rcode}; accepted is ${accepted}` };
  }
  return (
    judgeRecords('answer', message.answers, module.answers) ??
    judgeRecords('authority', message.authorities, module.authorities) ??
    judgeRecords('additional', message.additionals, module.additionals)
  );
}

function judgeRecords(
  section: string,
  records: readonly DnsRecord[],
  conditions: RecordConditions,
): ProbeFailure | null {
  const { failsIfMatches, failsIfAllMatch, failsIfNotMatches, failsIfNoneMatches } = conditions;
  const failed = (what: string): ProbeFailure => ({
    code: 'response',
    message: `the ${section} section ${what}`,
  });
  if (records.length === 0) {
    const isEmptyWrong = failsIfNotMatches.length + failsIfNoneMatches.length > 0;
    return isEmptyWrong ? failed('is empty') : null;
  }
  for (const { text } of records) {
    const matching = failsIfMatches.find((pattern) => pattern.test(text));
    if (matching !== undefined) return failed(`has a record that matches ${matching.pattern}`);
    const missing = failsIfNotMatches.find((pattern) => !pattern.test(text));
    if (missing !== undefined) return failed(`has a record that does not match ${missing.pattern}`);
  }
  const unlike = failsIfAllMatch.find((pattern) => records.some(({ text }) => !pattern.test(text)));
  if (unlike !== undefined) return failed(`has not only records that match ${unlike.pattern}`);
  const wanted = failsIfNoneMatches;
  const hasWanted = records.some(({ text }) => wanted.some((pattern) => pattern.test(text)));
  if (wanted.length > 0 && !hasWanted) {
    return failed(`has no record that matches ${wanted.map(({ pattern }) => pattern).join(', ')}`);
  }
  return null;
}
