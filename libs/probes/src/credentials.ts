import type { TlsClientConfig } from '#libs/discovery';
import type { ProbeModule } from './probe-module.ts';

/** Headers that tell nobody who we are. */
const OPEN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-type',
  'origin',
  'referer',
  'user-agent',
]);

/**
 * Whether a module may say something secret: credentials, a client certificate, a header or a text of the operator's own.
 * Such a module is for targets that the operator has named, not for those that others ask for.
 */
export function holdsCredentials(module: ProbeModule): boolean {
  switch (module.kind) {
    case 'http': {
      const { http, headers, body } = module.http;
      return (
        http.auth.kind !== 'none' ||
        http.headers.length > 0 ||
        hasKey(http.tls) ||
        body !== '' ||
        headers.some(([name]) => !OPEN_HEADERS.has(name.toLowerCase()))
      );
    }
    case 'tcp':
      return hasKey(module.tcp.tls);
    case 'dns':
      return hasKey(module.dns.tls);
    case 'grpc':
      return hasKey(module.grpc.tls);
    case 'icmp':
      return false;
  }
}

function hasKey({ cert, key }: TlsClientConfig): boolean {
  return cert !== null || key !== null;
}
