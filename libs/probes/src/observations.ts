import type { ProbeFailure } from './probe-verdict.ts';

/** The address a probe went to. */
export interface ProbedAddress {
  readonly ip: string;
  readonly family: 4 | 6;
}

/** One certificate of a chain. */
export interface CertificateObservation {
  readonly notAfterMs: number;
  /** As in RFC 2253, most specific part first: `CN=example.com,O=Example`. */
  readonly subject: string;
  readonly issuer: string;
  /** DNS names. */
  readonly alternativeNames: readonly string[];
  /** Lower-case hexadecimal. */
  readonly serialNumber: string;
  /** Lower-case hexadecimal, no colons. */
  readonly fingerprintSha256: string;
}

/** What a TLS handshake showed. */
export interface TlsObservation {
  /** `TLS 1.2`, `TLS 1.3`. */
  readonly version: string;
  /** IANA's name. */
  readonly cipher: string;
  /** The server's own first. */
  readonly chain: readonly CertificateObservation[];
  readonly isVerified: boolean;
}

/** Seconds spent in each part of an exchange; 0 for what did not take place. */
export interface PhaseSeconds {
  readonly resolve: number;
  readonly connect: number;
  readonly tls: number;
  /** From the request sent to the first byte of the answer. */
  readonly processing: number;
  /** From the first byte of the answer to its last. */
  readonly transfer: number;
}

/** An answer to one HTTP request. */
export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  /** `1.1` */
  readonly httpVersion: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Uncompressed; only where the request wanted it. */
  readonly body: Buffer;
  readonly tls: TlsObservation | null;
}

/** One request and what came of it. */
export interface HttpExchange {
  readonly address: ProbedAddress | null;
  readonly phases: PhaseSeconds;
  readonly answer: HttpAnswer | null;
  /** Set where there is no answer or its body could not be read to the end. */
  readonly failure: ProbeFailure | null;
}

/** How a probe connects. */
export interface ProbeConnectOptions {
  readonly preferredFamily: 4 | 6;
  /** Whether an address of the other family will do where there is none of the preferred. */
  readonly hasFamilyFallback: boolean;
  /** The own address to speak from; null for whichever fits. */
  readonly sourceIp: string | null;
  /** Where to connect to instead of where the host's name leads; null for there. */
  readonly dialIp: string | null;
  /** Ends everything: the probe's timeout, or the process going down. Its reason is a ProbeFailure where it is one. */
  readonly signal: AbortSignal;
}

/** One request to be made on a connection of its own. */
export interface HttpProbeRequest extends ProbeConnectOptions {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  /** Whether credentials may go with it: the Authorization header and the client certificate. */
  readonly isTrusted: boolean;
  /** The encoding that the body is taken to be in, whatever its headers say. */
  readonly compression: 'none' | 'gzip' | 'br' | 'deflate' | 'identity';
  readonly maxBodyBytes: number;
  /** Whether HTTP/2 is offered where TLS is spoken. */
  readonly takesHttp2: boolean;
}

/** Makes HTTP requests; implemented by the adapters. */
export interface HttpProbeTransport {
  /** Never rejects: what goes wrong is told in the exchange. */
  exchange(request: HttpProbeRequest): Promise<HttpExchange>;
}

/** A conversation by lines. Everything but `close` rejects with a `ProbeFailureError` when it cannot go on. */
export interface TcpProbeConnection {
  /** What the handshake showed, where the connection began with TLS or `startTls` was called. */
  readonly tls: TlsObservation | null;
  /** The next line without its end, or null where the other side has closed. */
  readLine(): Promise<string | null>;
  write(text: string): Promise<void>;
  startTls(): Promise<TlsObservation>;
  close(): void;
}

/** What came of connecting. */
export interface TcpConnectResult {
  readonly address: ProbedAddress | null;
  readonly resolveSeconds: number;
  readonly connection: TcpProbeConnection | null;
  readonly failure: ProbeFailure | null;
}

export interface TcpProbeRequest extends ProbeConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Whether the connection begins with TLS. */
  readonly isTls: boolean;
}

/** Opens TCP connections; implemented by the adapters. */
export interface TcpProbeTransport {
  /** Never rejects. */
  connect(request: TcpProbeRequest): Promise<TcpConnectResult>;
}

/** Seconds spent in each part of a DNS exchange; 0 for what did not take place. */
export interface DnsPhaseSeconds {
  readonly resolve: number;
  readonly connect: number;
  readonly request: number;
}

export interface DnsExchangeRequest extends ProbeConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
  readonly isTls: boolean;
  readonly query: Buffer;
  /** Whether a datagram is the answer that is waited for. */
  readonly isAnswer: (bytes: Buffer) => boolean;
}

/** One question and what came of it. */
export interface DnsExchange {
  readonly address: ProbedAddress | null;
  readonly phases: DnsPhaseSeconds;
  readonly answer: Buffer | null;
  readonly failure: ProbeFailure | null;
}

/** Asks DNS servers; implemented by the adapters. */
export interface DnsProbeTransport {
  /** Never rejects. */
  exchange(request: DnsExchangeRequest): Promise<DnsExchange>;
}

export interface GrpcCallRequest extends ProbeConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** `/package.Service/Method` */
  readonly path: string;
  readonly userAgent: string;
  /** The message with its length before it, as it goes over the wire. */
  readonly body: Buffer;
  readonly maxBodyBytes: number;
}

/** One call and what came of it. */
export interface GrpcCall {
  readonly address: ProbedAddress | null;
  readonly resolveSeconds: number;
  /** Everything after the name was resolved. */
  readonly checkSeconds: number;
  readonly tls: TlsObservation | null;
  readonly answer: {
    /** Of HTTP. */
    readonly status: number;
    /** `grpc-status`, null where there was none. */
    readonly grpcStatus: number | null;
    readonly grpcMessage: string;
    readonly body: Buffer;
  } | null;
  readonly failure: ProbeFailure | null;
}

/** Makes single calls over HTTP/2; implemented by the adapters. */
export interface GrpcProbeTransport {
  /** Never rejects. */
  call(request: GrpcCallRequest): Promise<GrpcCall>;
}

export interface EchoRequest extends ProbeConnectOptions {
  readonly host: string;
  readonly payloadBytes: number;
  readonly mayNotFragment: boolean;
  /** Hops the request may take; null for the system's own. */
  readonly ttl: number | null;
}

/** One ICMP echo and what came of it. */
export interface Echo {
  readonly address: ProbedAddress | null;
  readonly phases: { readonly resolve: number; readonly setup: number; readonly rtt: number };
  /** Hops the answer had left; null where that is not known. */
  readonly replyHopLimit: number | null;
  readonly failure: ProbeFailure | null;
}

/** Sends ICMP echoes; implemented by the adapters. */
export interface EchoTransport {
  /** Never rejects. */
  echo(request: EchoRequest): Promise<Echo>;
}

/** A failure inside a conversation. */
export class ProbeFailureError extends Error {
  override readonly name = 'ProbeFailureError';
  readonly failure: ProbeFailure;
  constructor(failure: ProbeFailure) {
    super(failure.message);
    this.failure = failure;
  }
}
