import type {
  DnsProbeModule,
  DnsProbeTransport,
  EchoTransport,
  GrpcProbeModule,
  GrpcProbeTransport,
  HttpProbeModule,
  HttpProbeTransport,
  ProbeTransports,
  TcpProbeModule,
  TcpProbeTransport,
} from '#libs/probes';
import { NodeDnsProbeTransport } from './dns-probe-transport.ts';
import { NodeGrpcProbeTransport } from './grpc-probe-transport.ts';
import { NodeHttpProbeTransport } from './http-probe-transport.ts';
import { PingTransport } from './ping-transport.ts';
import type { ProbeTransportOptions } from './probe-socket.ts';
import { NodeTcpProbeTransport } from './tcp-probe-transport.ts';

/** Every transport there is, on Node's own sockets. */
export class NodeProbeTransports implements ProbeTransports {
  readonly #options: ProbeTransportOptions;

  constructor(options: ProbeTransportOptions) {
    this.#options = options;
  }

  http({ http }: HttpProbeModule): HttpProbeTransport {
    return new NodeHttpProbeTransport(http, this.#options);
  }

  tcp({ tls }: TcpProbeModule): TcpProbeTransport {
    return new NodeTcpProbeTransport(tls, this.#options);
  }

  dns({ tls }: DnsProbeModule): DnsProbeTransport {
    return new NodeDnsProbeTransport(tls, this.#options);
  }

  grpc({ tls }: GrpcProbeModule): GrpcProbeTransport {
    return new NodeGrpcProbeTransport(tls, this.#options);
  }

  icmp(): EchoTransport {
    return new PingTransport(this.#options);
  }
}
