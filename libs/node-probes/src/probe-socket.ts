import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { SecretFileError, type TlsOptions, toHttpGetError } from '#libs/node-http';
import {
  type ProbeConnectOptions,
  type ProbedAddress,
  type ProbeFailureCode,
  ProbeFailureError,
  type TlsObservation,
} from '#libs/probes';

/**
 * Why a probe must not go to an address, or null where it may. It is asked about the address itself, so that no name can
 * lead where an address could not.
 */
export type ProbeGuard = (address: ProbedAddress, port: number) => string | null;

/** What every transport is made with. */
export interface ProbeTransportOptions {
  /** What relative paths of secret and certificate files are relative to. */
  readonly baseDir: string;
  /** Null where every address will do. */
  readonly guard: ProbeGuard | null;
}

/** Milliseconds on a clock that never goes back. */
export function nowMonotonicMs(): number {
  return performance.now();
}

/**
 * What went wrong, as a probe tells it.
 * @param phase the code of a failure without a better one
 * @param doing what was being done, for a timeout: `timed out while connecting`
 */
export function toProbeFailure(
  error: unknown,
  phase: ProbeFailureCode,
  doing: string,
  signal: AbortSignal,
): ProbeFailureError {
  if (error instanceof ProbeFailureError) return error;
  if (error instanceof SecretFileError) {
    return new ProbeFailureError({ code: 'configuration', message: error.message });
  }
  if (signal.aborted) {
    if (signal.reason instanceof ProbeFailureError) return signal.reason;
    return new ProbeFailureError({ code: 'timeout', message: `timed out while ${doing}` });
  }
  const { code, message } = toHttpGetError(error);
  return new ProbeFailureError({ code: code === 'tls' ? 'tls' : phase, message });
}

/** The promise's value, or the failure the signal stands for, whichever comes first. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Where a host is. @throws ProbeFailureError, with the code `forbidden` where the guard says so */
export async function resolveAddress(
  { host, port }: { readonly host: string; readonly port: number },
  options: ProbeConnectOptions,
  guard: ProbeGuard | null,
): Promise<ProbedAddress> {
  const address = await lookUp(options.dialIp ?? host, options);
  const reason = guard?.(address, port) ?? null;
  if (reason !== null) throw new ProbeFailureError({ code: 'forbidden', message: reason });
  return address;
}

async function lookUp(host: string, options: ProbeConnectOptions): Promise<ProbedAddress> {
  const { preferredFamily, hasFamilyFallback, signal } = options;
  const literal = isIP(host);
  if (literal === 4 || literal === 6) return { ip: host, family: literal };
  try {
    const found = await untilAborted(lookup(host, { all: true }), signal);
    const preferred = found.find(({ family }) => family === preferredFamily);
    const chosen = preferred ?? (hasFamilyFallback ? found[0] : undefined);
    if (chosen === undefined) throw new Error(`no IPv${preferredFamily} address`);
    return { ip: chosen.address, family: chosen.family === 6 ? 6 : 4 };
  } catch (error) {
    throw toProbeFailure(error, 'resolve', 'resolving the name', signal);
  }
}

/** @throws ProbeFailureError */
export async function openSocket(
  address: ProbedAddress,
  port: number,
  options: Pick<ProbeConnectOptions, 'sourceIp' | 'signal'>,
): Promise<Socket> {
  const { sourceIp, signal } = options;
  const socket = connect({
    host: address.ip,
    port,
    ...(sourceIp !== null && { localAddress: sourceIp }),
  });
  socket.setNoDelay(true);
  // Whoever waits hears of an error through `close`; one that nobody waits for must not end the process.
  socket.on('error', () => {});
  try {
    await untilAborted(eventOf(socket, 'connect'), signal);
    return socket;
  } catch (error) {
    socket.destroy();
    throw toProbeFailure(error, 'connect', 'connecting', signal);
  }
}

/** Turns a connected socket to TLS. @throws ProbeFailureError */
export async function openTls(
  socket: Socket,
  host: string,
  tls: TlsOptions & { readonly ALPNProtocols?: string[] },
  signal: AbortSignal,
): Promise<TLSSocket> {
  // An IP address is no server name; certificates are then checked against `host`.
  const servername = tls.servername ?? (isIP(host) === 0 ? host : '');
  const secured = connectTls({ ...tls, socket, host: servername || host, servername });
  secured.on('error', () => {});
  try {
    await untilAborted(eventOf(secured, 'secureConnect'), signal);
    return secured;
  } catch (error) {
    secured.destroy();
    socket.destroy();
    throw toProbeFailure(error, 'tls', 'in the TLS handshake', signal);
  }
}

function eventOf(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('connection closed by peer')));
  });
}

const VERSION_NAMES: ReadonlyMap<string, string> = new Map([
  ['TLSv1', 'TLS 1.0'],
  ['TLSv1.1', 'TLS 1.1'],
  ['TLSv1.2', 'TLS 1.2'],
  ['TLSv1.3', 'TLS 1.3'],
]);

const MAX_CHAIN = 20;

/** What a finished handshake shows. */
export function observeTls(socket: TLSSocket): TlsObservation {
  const chain: TlsObservation['chain'][number][] = [];
  let certificate: DetailedPeerCertificate | null = socket.getPeerCertificate(true);
  for (let i = 0; i < MAX_CHAIN && certificate?.raw !== undefined; i++) {
    chain.push({
      notAfterMs: Date.parse(certificate.valid_to),
      subject: distinguishedName(certificate.subject),
      issuer: distinguishedName(certificate.issuer),
      alternativeNames: [...(certificate.subjectaltname ?? '').matchAll(/DNS:([^,]+)/g)].map(
        (match) => match[1]!.trim(),
      ),
      serialNumber: certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, ''),
      fingerprintSha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    });
    const issuer: DetailedPeerCertificate | undefined = certificate.issuerCertificate;
    // A root is its own issuer.
    certificate = issuer === undefined || issuer === certificate ? null : issuer;
  }
  const version = socket.getProtocol() ?? '';
  return {
    version: VERSION_NAMES.get(version) ?? version,
    cipher: socket.getCipher()?.standardName ?? '',
    chain,
    isVerified: socket.authorized,
  };
}

/** RFC 2253: the most specific part first. */
function distinguishedName(parts: DetailedPeerCertificate['subject']): string {
  return Object.entries(parts)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${name}=${String(one)}`),
    )
    .toReversed()
    .join(',');
}
