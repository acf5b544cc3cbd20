export { type HeaderCondition, type HttpProbeModule, httpModuleSchema } from './http-module.ts';
export { type HttpProbeObservation, judgeHttp, observeHttp } from './http-probe.ts';
export {
  type CertificateObservation,
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
export { ProbeSeries } from './probe-series.ts';
export {
  type ProbeFailure,
  type ProbeFailureCode,
  type ProbeMetric,
  type ProbeVerdict,
} from './probe-verdict.ts';
export { MAX_SEARCHED_LENGTH, SearchPattern } from './search-pattern.ts';
export { type TcpProbeModule, type TcpStep, tcpModuleSchema } from './tcp-module.ts';
export { judgeTcp, observeTcp, parseTcpTarget, type TcpProbeObservation } from './tcp-probe.ts';
