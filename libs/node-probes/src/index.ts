export { NodeDnsProbeTransport } from './dns-probe-transport.ts';
export { NodeGrpcProbeTransport } from './grpc-probe-transport.ts';
export { NodeHttpProbeTransport } from './http-probe-transport.ts';
export { NodeProbeTransports } from './node-probe-transports.ts';
export { PingTransport } from './ping-transport.ts';
export type { ProbeGuard, ProbeTransportOptions } from './probe-socket.ts';
export { NodeTcpProbeTransport } from './tcp-probe-transport.ts';
