export { holdsCredentials } from './credentials.ts';
export { type DnsMessage, DnsMessageError, type DnsRecord } from './dns/dns-message.ts';
export { type DnsProbeModule, dnsModuleSchema, type RecordConditions } from './dns/dns-module.ts';
export { type DnsProbeObservation, judgeDns, observeDns } from './dns/dns-probe.ts';
export { type GrpcProbeModule, grpcModuleSchema } from './grpc/grpc-module.ts';
export { type GrpcProbeObservation, judgeGrpc, observeGrpc } from './grpc/grpc-probe.ts';
export { type HeaderCondition, type HttpProbeModule, httpModuleSchema } from './http-module.ts';
export { type HttpProbeObservation, judgeHttp, observeHttp } from './http-probe.ts';
export { type IcmpProbeModule, icmpModuleSchema } from './icmp/icmp-module.ts';
export { judgeIcmp, observeIcmp } from './icmp/icmp-probe.ts';
export type { JsonCondition } from './json-condition.ts';
export {
  type CertificateObservation,
  type DnsExchange,
  type DnsExchangeRequest,
  type DnsPhaseSeconds,
  type DnsProbeTransport,
  type Echo,
  type EchoRequest,
  type EchoTransport,
  type GrpcCall,
  type GrpcCallRequest,
  type GrpcProbeTransport,
  type HttpAnswer,
  type HttpExchange,
  type HttpProbeRequest,
  type HttpProbeTransport,
  type PhaseSeconds,
  type ProbeConnectOptions,
  type ProbedAddress,
  ProbeFailureError,
  type TcpConnectResult,
  type TcpProbeConnection,
  type TcpProbeRequest,
  type TcpProbeTransport,
  type TlsObservation,
} from './observations.ts';
export {
  DEFAULT_PROBE_MODULES,
  type NamedProbeModule,
  PROBERS,
  type ProbeModule,
  probeModulesSchema,
  type ProbeTransports,
  proberSectionsShape,
  runProbe,
  type RunProbeOptions,
  targetComplaint,
  toProbeModule,
} from './probe-module.ts';
export { ProbeSeries } from './probe-series.ts';
export {
  type ProbeFailure,
  type ProbeFailureCode,
  type ProbeMetric,
  type ProbeVerdict,
} from './probe-verdict.ts';
export { MAX_SEARCHED_LENGTH, SearchPattern } from './search-pattern.ts';
export type {
  ContainerView,
  DeclaredCheck,
  DeclaredProbe,
  ProbeType,
} from './shadow/declared-probe.ts';
export { declaredTarget, runDeclared } from './shadow/run-declared.ts';
export { ShadowProbe } from './shadow/shadow-probe.ts';
export { type TcpProbeModule, type TcpStep, tcpModuleSchema } from './tcp-module.ts';
export { judgeTcp, observeTcp, parseTcpTarget, type TcpProbeObservation } from './tcp-probe.ts';
