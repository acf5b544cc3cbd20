import { addAddressMetrics, addCertificateMetrics } from '../common-metrics.ts';
import type { GrpcCall, GrpcProbeTransport } from '../observations.ts';
import { type ProbeFailure, ProbeMetrics, type ProbeVerdict } from '../probe-verdict.ts';
import type { GrpcProbeModule } from './grpc-module.ts';
import {
  decodeHealthCheck,
  encodeHealthCheck,
  HEALTH_CHECK_PATH,
  SERVING_STATUSES,
} from './health-message.ts';

/** What a gRPC probe saw. */
export interface GrpcProbeObservation extends Omit<GrpcCall, 'answer'> {
  /** gRPC's own, 0 to 16; null where the call was not made. */
  readonly statusCode: number | null;
  readonly statusMessage: string;
  /** '' where the server did not say. */
  readonly servingStatus: string;
}

const OK = 0;
const UNKNOWN = 2;
const DEADLINE_EXCEEDED = 4;
const INTERNAL = 13;
const UNAVAILABLE = 14;
/** What gRPC's clients take an HTTP status for that comes without one of gRPC's. */
const CODE_OF_HTTP_STATUS: ReadonlyMap<number, number> = new Map([
  [400, INTERNAL],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, UNAVAILABLE],
  [502, UNAVAILABLE],
  [503, UNAVAILABLE],
  [504, UNAVAILABLE],
]);

/** A response is two bytes long. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * Asks a server for its health (grpc.health.v1).
 * @param target `host:port`, or a URL with nothing but these
 */
export async function observeGrpc(
  module: GrpcProbeModule,
  target: string,
  transport: GrpcProbeTransport,
  options: {
    readonly userAgent: string;
    readonly signal: AbortSignal;
    readonly dialIp?: string | null;
  },
): Promise<GrpcProbeObservation> {
  const server = parseGrpcTarget(target, module.isTls);
  if (server === null) {
    return {
      address: null,
      resolveSeconds: 0,
      checkSeconds: 0,
      tls: null,
      failure: { code: 'configuration', message: 'the target is no host:port' },
      statusCode: null,
      statusMessage: '',
      servingStatus: '',
    };
  }
  const { answer, ...reached } = await transport.call({
    ...server,
    isTls: module.isTls,
    path: HEALTH_CHECK_PATH,
    userAgent: options.userAgent,
    body: encodeHealthCheck(module.service),
    maxBodyBytes: MAX_BODY_BYTES,
    preferredFamily: module.preferredFamily,
    hasFamilyFallback: module.hasFamilyFallback,
    sourceIp: null,
    dialIp: options.dialIp ?? null,
    signal: options.signal,
  });
  if (answer === null) {
    const isLate = reached.failure?.code === 'timeout';
    const wasCalled = reached.address !== null;
    const statusCode = isLate ? DEADLINE_EXCEEDED : UNAVAILABLE;
    return {
      ...reached,
      statusCode: wasCalled ? statusCode : null,
      statusMessage: '',
      servingStatus: '',
    };
  }
  const byHttp = CODE_OF_HTTP_STATUS.get(answer.status) ?? UNKNOWN;
  const told = answer.status === 200 ? (answer.grpcStatus ?? UNKNOWN) : byHttp;
  const servingStatus = told === OK ? decodeHealthCheck(answer.body) : '';
  return {
    ...reached,
    statusCode: servingStatus === null ? INTERNAL : told,
    statusMessage: servingStatus === null ? 'the answer is no health message' : answer.grpcMessage,
    servingStatus: servingStatus ?? '',
  };
}

/** Reads `host:port`, `[v6]:port`, `host` or `http(s)://…` of these, or gives null. */
export function parseGrpcTarget(
  target: string,
  isTls: boolean,
): { host: string; port: number } | null {
  const url = URL.parse(/^https?:\/\//i.test(target) ? target : `http://${target}`);
  if (url === null || url.hostname === '' || url.username !== '' || url.password !== '')
    return null;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // A URL leaves its scheme's own port out.
  const ownPort = url.protocol === 'https:' ? 443 : 80;
  const hasPort = /:\d+$/.test(target.replace(/\/.*$/, '').replace(/^https?:\/\//i, ''));
  return { host, port: Number(url.port) || (hasPort ? ownPort : isTls ? 443 : 80) };
}

/** What a probe came to, under blackbox_exporter's names. */
export function judgeGrpc(
  observation: GrpcProbeObservation,
  durationSeconds: number,
): ProbeVerdict {
  const { address, resolveSeconds, checkSeconds, tls, statusCode, servingStatus } = observation;
  const metrics = new ProbeMetrics();
  addAddressMetrics(metrics, address, resolveSeconds);
  metrics.set('probe_grpc_duration_seconds', resolveSeconds, { phase: 'resolve' });
  if (statusCode !== null) {
    metrics.set('probe_grpc_duration_seconds', checkSeconds, { phase: 'check' });
    for (const name of SERVING_STATUSES) {
      const value = servingStatus === name ? 1 : 0;
      metrics.set('probe_grpc_healthcheck_response', value, { serving_status: name });
    }
  }
  metrics.set('probe_grpc_ssl', tls === null ? 0 : 1);
  metrics.set('probe_grpc_status_code', statusCode ?? 0);
  if (tls !== null) addCertificateMetrics(metrics, tls);
  return metrics.verdict(judge(observation), durationSeconds);
}

function judge({
  failure,
  statusCode,
  statusMessage,
  servingStatus,
}: GrpcProbeObservation): ProbeFailure | null {
  if (failure !== null) return failure;
  if (statusCode !== OK) {
    const said = statusMessage === '' ? '' : `: ${statusMessage.slice(0, 200)}`;
    return { code: 'status', message: `gRPC status ${statusCode}${said}` };
  }
  if (servingStatus === 'SERVING') return null;
  return { code: 'response', message: `the server is ${servingStatus}; accepted is SERVING` };
}
