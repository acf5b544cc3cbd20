/** How a connection is secured where no `tls_config` says it. */
export type SslMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

/** What a connection URL says. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Empty where there is none. */
  readonly password: string;
  readonly sslMode: SslMode;
}

/** A connection URL that cannot be used. The message holds nothing of it but names of parameters. */
export class PostgresUrlError extends Error {
  override readonly name = 'PostgresUrlError';
}

const SSL_MODES: readonly SslMode[] = ['disable', 'require', 'verify-ca', 'verify-full'];
const EXAMPLE = 'postgresql://user:password@db.example.com:5432/binnacle?sslmode=verify-full';
export const DEFAULT_PORT = 5432;

/**
 * Reads a connection URL of libpq's form: `postgresql://user:password@host:port/database?sslmode=…`. Without a name of a
 * database it is the user's, as for libpq.
 * @throws PostgresUrlError
 */
export function parsePostgresUrl(text: string): PostgresAddress {
  const url = URL.parse(text.trim());
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new PostgresUrlError(`expected a URL such as ${EXAMPLE}`);
  }
  const host = url.hostname.replaceAll(/^\[|\]$/g, '');
  const user = decode(url.username, 'user');
  if (host === '') throw new PostgresUrlError('the URL names no host');
  if (user === '') throw new PostgresUrlError('the URL names no user');
  let sslMode: SslMode = 'disable';
  for (const [name, value] of url.searchParams) {
    if (name !== 'sslmode') {
      throw new PostgresUrlError(
        `the URL's parameter ${JSON.stringify(name)} is not known; accepted is sslmode`,
      );
    }
    const mode = SSL_MODES.find((one) => one === value);
    if (mode === undefined) {
      throw new PostgresUrlError(`the URL's sslmode is none of ${SSL_MODES.join(', ')}`);
    }
    sslMode = mode;
  }
  return {
    host: decode(host, 'host'),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    database: decode(url.pathname.slice(1), 'database') || user,
    user,
    password: decode(url.password, 'password'),
    sslMode,
  };
}

function decode(part: string, what: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    // Not as the cause: its message would show the text.
    throw new PostgresUrlError(`the URL's ${what} is not percent-encoded as it should be`);
  }
}
