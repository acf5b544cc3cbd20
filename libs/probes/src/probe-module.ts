import { positiveDurationMs } from '#libs/yaml-config';
import { z } from 'zod';
import { type DnsProbeModule, dnsModuleSchema } from './dns/dns-module.ts';
import { judgeDns, observeDns, parseDnsTarget } from './dns/dns-probe.ts';
import { type GrpcProbeModule, grpcModuleSchema } from './grpc/grpc-module.ts';
import { judgeGrpc, observeGrpc, parseGrpcTarget } from './grpc/grpc-probe.ts';
import { type HttpProbeModule, httpModuleSchema } from './http-module.ts';
import { judgeHttp, observeHttp } from './http-probe.ts';
import { type IcmpProbeModule, icmpModuleSchema } from './icmp/icmp-module.ts';
import { judgeIcmp, observeIcmp, parseIcmpTarget } from './icmp/icmp-probe.ts';
import type {
  DnsProbeTransport,
  EchoTransport,
  GrpcProbeTransport,
  HttpProbeTransport,
  TcpProbeTransport,
} from './observations.ts';
import type { ProbeVerdict } from './probe-verdict.ts';
import { type TcpProbeModule, tcpModuleSchema } from './tcp-module.ts';
import { judgeTcp, observeTcp, parseTcpTarget } from './tcp-probe.ts';

/** What is done to a target. */
export type ProbeModule =
  | { readonly kind: 'http'; readonly http: HttpProbeModule }
  | { readonly kind: 'tcp'; readonly tcp: TcpProbeModule }
  | { readonly kind: 'dns'; readonly dns: DnsProbeModule }
  | { readonly kind: 'grpc'; readonly grpc: GrpcProbeModule }
  | { readonly kind: 'icmp'; readonly icmp: IcmpProbeModule };

/** The probers there are. */
export const PROBERS = ['http', 'tcp', 'dns', 'grpc', 'icmp'] as const;

/** A section for each prober, as blackbox_exporter's modules have them. */
export const proberSectionsShape = {
  http: httpModuleSchema.optional(),
  tcp: tcpModuleSchema.optional(),
  dns: dnsModuleSchema.optional(),
  grpc: grpcModuleSchema.optional(),
  icmp: icmpModuleSchema.optional(),
};

type ProberSections = z.output<z.ZodObject<typeof proberSectionsShape>>;

/** The module of a prober, with the prober's defaults where it has no section; null for a DNS module without a question. */
export function toProbeModule(
  prober: (typeof PROBERS)[number],
  sections: ProberSections,
): ProbeModule | null {
  switch (prober) {
    case 'http':
      return { kind: 'http', http: sections.http ?? httpModuleSchema.parse({}) };
    case 'tcp':
      return { kind: 'tcp', tcp: sections.tcp ?? tcpModuleSchema.parse({}) };
    case 'dns':
      return sections.dns === undefined ? null : { kind: 'dns', dns: sections.dns };
    case 'grpc':
      return { kind: 'grpc', grpc: sections.grpc ?? grpcModuleSchema.parse({}) };
    case 'icmp':
      return { kind: 'icmp', icmp: sections.icmp ?? icmpModuleSchema.parse({}) };
  }
}

/** A module of blackbox_exporter's file. */
export interface NamedProbeModule {
  readonly module: ProbeModule;
  /** Null where the module sets none. */
  readonly timeoutMs: number | null;
}

const namedModuleSchema = z
  .strictObject({
    prober: z.enum(PROBERS),
    timeout: positiveDurationMs().optional(),
    ...proberSectionsShape,
  })
  .transform((raw, context): NamedProbeModule => {
    const module = toProbeModule(raw.prober, raw);
    if (module === null) {
      const message = 'a dns module needs dns.query_name';
      context.addIssue({ code: 'custom', message, path: ['prober'] });
      return z.NEVER;
    }
    return { module, timeoutMs: raw.timeout ?? null };
  });

/** `modules` of blackbox_exporter's file, by name. */
export const probeModulesSchema = z
  .record(z.string().min(1), namedModuleSchema)
  .transform((modules): ReadonlyMap<string, NamedProbeModule> => new Map(Object.entries(modules)));

/** The modules that are there without being written down; the names are those that blackbox_exporter's own file has. */
export const DEFAULT_PROBE_MODULES: ReadonlyMap<string, NamedProbeModule> =
  probeModulesSchema.parse({
    http_2xx: { prober: 'http' },
    http_post_2xx: { prober: 'http', http: { method: 'POST' } },
    tcp_connect: { prober: 'tcp' },
    tcp_tls: { prober: 'tcp', tcp: { tls: true } },
    ssh_banner: {
      prober: 'tcp',
      tcp: { query_response: [{ expect: '^SSH-2.0-', send: 'SSH-2.0-probe' }] },
    },
    pop3s_banner: {
      prober: 'tcp',
      tcp: { query_response: [{ expect: String.raw`^\+OK` }], tls: true },
    },
    smtp_starttls: {
      prober: 'tcp',
      tcp: {
        query_response: [
          { expect: '^220 ', send: 'EHLO probe\r' },
          { expect: '^250[ -]STARTTLS', send: 'STARTTLS\r' },
          { expect: '^220', starttls: true },
          { send: 'QUIT\r' },
        ],
      },
    },
    grpc: { prober: 'grpc', grpc: { tls: true } },
    grpc_plain: { prober: 'grpc' },
    icmp: { prober: 'icmp' },
  });

/** Makes the transports that probes need; implemented by the adapters. */
export interface ProbeTransports {
  http(module: HttpProbeModule): HttpProbeTransport;
  tcp(module: TcpProbeModule): TcpProbeTransport;
  dns(module: DnsProbeModule): DnsProbeTransport;
  grpc(module: GrpcProbeModule): GrpcProbeTransport;
  icmp(module: IcmpProbeModule): EchoTransport;
}

export interface RunProbeOptions {
  readonly userAgent: string;
  readonly signal: AbortSignal;
  /** Where the target's own host is, without asking DNS. */
  readonly dialIp: string | null;
  /** A number from 0 to 65535 that nobody can guess. */
  readonly randomId: number;
}

/** Probes a target once; what it comes to is told when the duration is known. */
export async function runProbe(
  module: ProbeModule,
  target: string,
  transports: ProbeTransports,
  options: RunProbeOptions,
): Promise<(durationSeconds: number) => ProbeVerdict> {
  switch (module.kind) {
    case 'http': {
      const seen = await observeHttp(module.http, target, transports.http(module.http), options);
      return (durationSeconds) => judgeHttp(module.http, seen, durationSeconds);
    }
    case 'tcp': {
      const seen = await observeTcp(module.tcp, target, transports.tcp(module.tcp), options);
      return (durationSeconds) => judgeTcp(seen, durationSeconds);
    }
    case 'dns': {
      const question = { signal: options.signal, id: options.randomId };
      const seen = await observeDns(module.dns, target, transports.dns(module.dns), question);
      return (durationSeconds) => judgeDns(module.dns, seen, durationSeconds);
    }
    case 'grpc': {
      const seen = await observeGrpc(module.grpc, target, transports.grpc(module.grpc), options);
      return (durationSeconds) => judgeGrpc(seen, durationSeconds);
    }
    case 'icmp': {
      const seen = await observeIcmp(module.icmp, target, transports.icmp(module.icmp), options);
      return (durationSeconds) => judgeIcmp(seen, durationSeconds);
    }
  }
}

/** What is wrong with a target for a module, or null. */
export function targetComplaint({ kind }: ProbeModule, target: string): string | null {
  switch (kind) {
    case 'http': {
      const url = URL.parse(/^https?:\/\//i.test(target) ? target : `http://${target}`);
      if (url === null) return 'an HTTP target is an http or https URL';
      // It would end up in a label.
      return url.password === '' && url.username === ''
        ? null
        : 'a target must not hold a user or password; use http.basic_auth';
    }
    case 'tcp':
      return parseTcpTarget(target) === null ? 'a TCP target is host:port' : null;
    case 'dns':
      return parseDnsTarget(target, 53) === null ? 'a DNS target is host or host:port' : null;
    case 'grpc':
      return parseGrpcTarget(target, false) === null ? 'a gRPC target is host:port' : null;
    case 'icmp':
      return parseIcmpTarget(target) === null ? 'an ICMP target is a name or an address' : null;
  }
}
