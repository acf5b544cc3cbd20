import type { ProbedAddress, TlsObservation } from './observations.ts';
import type { ProbeMetrics } from './probe-verdict.ts';

/** The metrics of name resolution, which every prober has. */
export function addAddressMetrics(
  metrics: ProbeMetrics,
  address: ProbedAddress | null,
  resolveSeconds: number,
): void {
  metrics.set('probe_dns_lookup_time_seconds', resolveSeconds);
  metrics.set('probe_ip_protocol', address?.family ?? 0);
  metrics.set('probe_ip_addr_hash', address === null ? 0 : addressHash(address));
}

/** Go's zero time, which blackbox_exporter writes where no chain was verified. */
const NO_TIME_SECONDS = -62_135_596_800;

/** The metrics of a TLS handshake. */
export function addTlsMetrics(metrics: ProbeMetrics, tls: TlsObservation): void {
  addCertificateMetrics(metrics, tls);
  metrics.set('probe_tls_cipher_info', 1, { cipher: tls.cipher });
  if (tls.chain.length === 0) return;
  metrics.set(
    'probe_ssl_last_chain_expiry_timestamp_seconds',
    tls.isVerified ? earliestExpirySeconds(tls) : NO_TIME_SECONDS,
  );
}

function earliestExpirySeconds({ chain }: TlsObservation): number {
  return Math.min(...chain.map(({ notAfterMs }) => notAfterMs)) / 1_000;
}

/** Those of the metrics of a handshake that the gRPC prober has as well. */
export function addCertificateMetrics(metrics: ProbeMetrics, tls: TlsObservation): void {
  const leaf = tls.chain[0];
  metrics.set('probe_tls_version_info', 1, { version: tls.version });
  if (leaf === undefined) return;
  metrics.set('probe_ssl_earliest_cert_expiry', earliestExpirySeconds(tls));
  metrics.set('probe_ssl_last_chain_info', 1, {
    fingerprint_sha256: leaf.fingerprintSha256,
    issuer: leaf.issuer,
    serialnumber: leaf.serialNumber,
    subject: leaf.subject,
    subjectalternative: leaf.alternativeNames.join(','),
  });
}

/** 32-bit FNV-1a over the address's 4 or 16 bytes. */
function addressHash(address: ProbedAddress): number {
  let hash = 0x811c9dc5;
  for (const byte of addressBytes(address)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function addressBytes({ ip, family }: ProbedAddress): number[] {
  if (family === 4) return ip.split('.').map(Number);
  const bare = ip.split('%', 1)[0]!;
  const [left = '', right] = bare.split('::', 2);
  const head = groupBytes(left);
  const tail = groupBytes(right ?? '');
  const gap = Math.max(0, 16 - head.length - tail.length);
  return [...head, ...Array<number>(gap).fill(0), ...tail];
}

function groupBytes(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
