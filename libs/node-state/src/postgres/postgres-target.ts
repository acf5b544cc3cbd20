import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { readSecret, tlsConnectionOptions, type TlsOptions } from '#libs/node-http';
import { Secret } from '#libs/yaml-config';
import type { PostgresConfig } from './postgres-config.ts';
import { parsePostgresUrl, type SslMode } from './postgres-url.ts';

/** What TLS options a session takes. */
type SessionTls = TlsOptions & {
  checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined;
};

/** Where one connection goes, with everything read that is in files. */
export interface PostgresTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret;
  readonly tls: SessionTls | null;
}

/**
 * Reads what the next connection needs; secrets and certificates may have been rotated since the one before.
 * @param baseDir what relative paths are relative to
 * @throws PostgresUrlError for a file with a bad URL, SecretFileError for one that cannot be read
 */
export async function readPostgresTarget(
  { place, tls }: PostgresConfig,
  baseDir: string,
): Promise<PostgresTarget> {
  const configured = tls === null ? null : asSessionTls(await tlsConnectionOptions(tls, baseDir));
  if (place.kind === 'url') {
    const address = parsePostgresUrl(await readSecret(place.url, baseDir));
    const { host, port, database, user, password, sslMode } = address;
    return {
      host,
      port,
      database,
      user,
      password: new Secret(password),
      tls: configured === null ? tlsOf(sslMode) : { ...anyNameFor(sslMode), ...configured },
    };
  }
  const { host, port, database, user, password } = place;
  return {
    host,
    port,
    database,
    user,
    password: new Secret(password === null ? '' : await readSecret(password, baseDir)),
    tls: configured,
  };
}

/** The client takes the host's name for the one in the certificate, whatever `servername` says. */
function asSessionTls({ servername, ...options }: TlsOptions): SessionTls {
  if (servername === undefined) return options;
  return {
    ...options,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(servername, certificate),
  };
}

/** Only the authority counts where the server's certificate is in the name of something else, as managed ones may be. */
function anyNameFor(mode: SslMode): Pick<SessionTls, 'checkServerIdentity'> {
  return mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {};
}

/** What libpq does under the same name. */
function tlsOf(mode: SslMode): SessionTls | null {
  switch (mode) {
    case 'disable':
      return null;
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify-ca':
      return { rejectUnauthorized: true, ...anyNameFor(mode) };
    case 'verify-full':
      return { rejectUnauthorized: true };
  }
}
