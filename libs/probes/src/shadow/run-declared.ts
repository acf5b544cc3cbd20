import { grpcModuleSchema } from '../grpc/grpc-module.ts';
import { judgeGrpc, observeGrpc } from '../grpc/grpc-probe.ts';
import { httpModuleSchema } from '../http-module.ts';
import { type HttpProbeObservation, MAX_REDIRECTS, observeHttp } from '../http-probe.ts';
import { type ProbeFailure, ProbeMetrics, type ProbeVerdict } from '../probe-verdict.ts';
import type { ProbeTransports } from '../probe-module.ts';
import { tcpModuleSchema } from '../tcp-module.ts';
import { observeTcp } from '../tcp-probe.ts';
import type { DeclaredCheck } from './declared-probe.ts';

/** The kubelet reads no more of a body, and looks at none of it. */
const MAX_BODY_BYTES = 10 * 1024;
const MAX_ANSWER_LENGTH = 200;

const HTTP = httpModuleSchema.parse({ tls_config: { insecure_skip_verify: true } });
const TCP = tcpModuleSchema.parse({});

/** Makes a probe as the kubelet would; what it comes to is told when the duration is known. */
export async function runDeclared(
  check: Exclude<DeclaredCheck, { kind: 'impossible' }>,
  ip: string,
  transports: ProbeTransports,
  options: { readonly userAgent: string; readonly signal: AbortSignal },
): Promise<(durationSeconds: number) => ProbeVerdict> {
  const target = declaredTarget(check, ip);
  switch (check.kind) {
    case 'http': {
      const module = { ...HTTP, headers: headersOf(check.headers), maxBodyBytes: MAX_BODY_BYTES };
      const seen = await observeHttp(module, target, transports.http(module), {
        ...options,
        staysOnHost: true,
      });
      return (durationSeconds) => judgeDeclaredHttp(seen, durationSeconds);
    }
    case 'tcp': {
      const { failure } = await observeTcp(TCP, target, transports.tcp(TCP), options);
      return (durationSeconds) => new ProbeMetrics().verdict(failure, durationSeconds);
    }
    case 'grpc': {
      const module = grpcModuleSchema.parse({ service: check.service });
      const seen = await observeGrpc(module, target, transports.grpc(module), options);
      return (durationSeconds) => {
        const metrics = new ProbeMetrics();
        if (seen.statusCode !== null) metrics.set('probe_grpc_status_code', seen.statusCode);
        return metrics.verdict(judgeGrpc(seen, durationSeconds).failure, durationSeconds);
      };
    }
  }
}

/** Where a check goes, as a URL or `host:port`. */
export function declaredTarget(
  check: Exclude<DeclaredCheck, { kind: 'impossible' }>,
  ip: string,
): string {
  const authority = `${ip.includes(':') ? `[${ip}]` : ip}:${check.port}`;
  if (check.kind !== 'http') return authority;
  const path = check.path.startsWith('/') ? check.path : `/${check.path}`;
  return `${check.isTls ? 'https' : 'http'}://${authority}${path}`;
}

function headersOf(
  declared: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const hasAccept = declared.some(([name]) => name.toLowerCase() === 'accept');
  const headers = hasAccept ? declared : [...declared, ['Accept', '*/*'] as const];
  // An empty one is how a pod says that it wants none.
  return headers.filter(([name, value]) => value !== '' || name.toLowerCase() !== 'accept');
}

function judgeDeclaredHttp(seen: HttpProbeObservation, durationSeconds: number): ProbeVerdict {
  const { exchanges } = seen;
  const metrics = new ProbeMetrics();
  const last = exchanges.at(-1);
  for (const phase of ['connect', 'tls', 'processing', 'transfer'] as const) {
    let seconds = 0;
    for (const { phases } of exchanges) seconds += phases[phase];
    metrics.set('probe_http_duration_seconds', seconds, { phase });
  }
  metrics.set('probe_http_status_code', last?.answer?.status ?? 0);
  return metrics.verdict(failureOf(seen), durationSeconds);
}

function failureOf({ exchanges, redirectFailure }: HttpProbeObservation): ProbeFailure | null {
  const last = exchanges.at(-1);
  if (redirectFailure !== null) return redirectFailure;
  // A long body is an answer like any other.
  const failure = last?.failure ?? null;
  if (failure !== null && failure.code !== 'body-too-large') return failure;
  const answer = last?.answer ?? null;
  if (answer === null) return { code: 'protocol', message: 'no answer' };
  if (exchanges.length > MAX_REDIRECTS) {
    return { code: 'redirect', message: `more than ${MAX_REDIRECTS} redirects` };
  }
  if (answer.status >= 200 && answer.status < 400) return null;
  const said = printable(answer.body);
  const message = `status ${answer.status}${said === '' ? '' : `: ${said}`}`;
  return { code: 'status', message };
}

/** The beginning of what was said, on one line. */
function printable(body: Buffer): string {
  return body
    .toString('utf8', 0, MAX_ANSWER_LENGTH * 4)
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_ANSWER_LENGTH);
}
