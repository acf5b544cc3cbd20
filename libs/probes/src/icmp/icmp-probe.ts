import { addAddressMetrics } from '../common-metrics.ts';
import type { Echo, EchoTransport } from '../observations.ts';
import { ProbeMetrics, type ProbeVerdict } from '../probe-verdict.ts';
import type { IcmpProbeModule } from './icmp-module.ts';

/**
 * Sends one echo.
 * @param target a name or an address
 */
export async function observeIcmp(
  module: IcmpProbeModule,
  target: string,
  transport: EchoTransport,
  options: { readonly signal: AbortSignal },
): Promise<Echo> {
  const host = parseIcmpTarget(target);
  if (host === null) {
    return {
      address: null,
      phases: { resolve: 0, setup: 0, rtt: 0 },
      replyHopLimit: null,
      failure: { code: 'configuration', message: 'the target is no host name or address' },
    };
  }
  return transport.echo({
    host,
    payloadBytes: module.payloadBytes,
    mayNotFragment: module.mayNotFragment,
    ttl: module.ttl,
    preferredFamily: module.preferredFamily,
    hasFamilyFallback: module.hasFamilyFallback,
    sourceIp: module.sourceIp,
    dialIp: null,
    signal: options.signal,
  });
}

/** Reads a name or an address, with or without brackets, or gives null. */
export function parseIcmpTarget(target: string): string | null {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([0-9a-fA-F:.]+)|([A-Za-z0-9_](?:[\w.-]*)))$/.exec(
    target,
  );
  return match === null ? null : (match[1] ?? match[2] ?? match[3]!);
}

const PHASES = ['resolve', 'setup', 'rtt'] as const;

/** What a probe came to, under blackbox_exporter's names. */
export function judgeIcmp(echo: Echo, durationSeconds: number): ProbeVerdict {
  const metrics = new ProbeMetrics();
  addAddressMetrics(metrics, echo.address, echo.phases.resolve);
  for (const phase of PHASES) {
    metrics.set('probe_icmp_duration_seconds', echo.phases[phase], { phase });
  }
  if (echo.replyHopLimit !== null) metrics.set('probe_icmp_reply_hop_limit', echo.replyHopLimit);
  return metrics.verdict(echo.failure, durationSeconds);
}
