import {
  checkTls,
  type SecretSource,
  tlsConfigSchema,
  type TlsClientConfig,
  toTlsClientConfig,
} from '#libs/discovery';
import { durationMs, positiveDurationMs, secretSchema, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import { DEFAULT_PORT, parsePostgresUrl, PostgresUrlError } from './postgres-url.ts';

/** Where the database is: in one URL, or in parts. Secrets in files are read anew for every connection. */
export type PostgresPlace =
  | { readonly kind: 'url'; readonly url: SecretSource }
  | {
      readonly kind: 'parts';
      readonly host: string;
      readonly port: number;
      readonly database: string;
      readonly user: string;
      readonly password: SecretSource | null;
    };

/** `state.postgres`: a database that keeps the engine's state. */
export interface PostgresConfig {
  readonly place: PostgresPlace;
  /** Null where nothing is said: then it is the URL's `sslmode`, or no TLS. */
  readonly tls: TlsClientConfig | null;
  readonly schema: string;
  /** Keeps engines apart that share a database; those of the same name take turns. */
  readonly name: string;
  readonly connectTimeoutMs: number;
  /** Of one statement. */
  readonly timeoutMs: number;
  /** How long an engine that is not heard of any more stays the one that leads. */
  readonly leaseMs: number;
}

const MIN_LEASE_MS = 2_000;
/** PostgreSQL cuts longer names. */
const MAX_NAME_BYTES = 63;

const PART_KEYS = ['host', 'port', 'database', 'user', 'password', 'password_file'] as const;

/** The key `postgres` of `state`. */
export const postgresConfigSchema = z
  .strictObject({
    url: secretSchema.optional(),
    url_file: yamlText().min(1).optional(),
    host: yamlText().min(1).optional(),
    port: z.int().min(1).max(65_535).optional(),
    database: yamlText().min(1).optional(),
    user: yamlText().min(1).optional(),
    password: secretSchema.optional(),
    password_file: yamlText().min(1).optional(),
    tls_config: tlsConfigSchema.optional(),
    schema: z
      .string()
      .refine(isName, { error: `expected a name of at most ${MAX_NAME_BYTES} bytes` })
      .default('binnacle'),
    name: z
      .string()
      .refine(isName, { error: `expected a name of at most ${MAX_NAME_BYTES} bytes` })
      .default('default'),
    connect_timeout: positiveDurationMs().default(5_000),
    timeout: positiveDurationMs().default(5_000),
    lease: durationMs({ minMs: MIN_LEASE_MS }).default(15_000),
  })
  .transform((raw, context): PostgresConfig => {
    const complain = (path: readonly PropertyKey[], message: string): void =>
      context.addIssue({ code: 'custom', message, path: [...path] });
    if (raw.tls_config !== undefined) {
      checkTls(raw.tls_config, (path, message) => complain(['tls_config', ...path], message));
    }
    const { schema, name, connect_timeout, timeout, lease } = raw;
    if (lease <= timeout) complain(['lease'], 'must be longer than timeout');
    return {
      place: placeOf(raw, complain),
      tls: raw.tls_config === undefined ? null : toTlsClientConfig(raw.tls_config),
      schema,
      name,
      connectTimeoutMs: connect_timeout,
      timeoutMs: timeout,
      leaseMs: lease,
    };
  });

/** `state`: where the engine keeps alert states, silences and the notification log. Default: on its own disk. */
export const stateConfigSchema = z.strictObject({ postgres: postgresConfigSchema.optional() });

export type StateConfig = z.output<typeof stateConfigSchema>;

interface RawPlace {
  readonly url?: z.output<typeof secretSchema> | undefined;
  readonly url_file?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: z.output<typeof secretSchema> | undefined;
  readonly password_file?: string | undefined;
}

function placeOf(
  raw: RawPlace,
  complain: (path: readonly PropertyKey[], message: string) => void,
): PostgresPlace {
  const { url, url_file: urlFile } = raw;
  const parts = PART_KEYS.filter((key) => raw[key] !== undefined);
  if (url !== undefined && urlFile !== undefined) {
    complain(['url'], 'at most one of url, url_file may be given');
  }
  if (url !== undefined || urlFile !== undefined) {
    if (parts.length > 0) complain([parts[0]!], `a URL says that already: leave ${parts[0]} out`);
    if (url === undefined) return { kind: 'url', url: { kind: 'file', path: urlFile! } };
    try {
      parsePostgresUrl(url.reveal());
    } catch (error) {
      if (!(error instanceof PostgresUrlError)) throw error;
      complain(['url'], error.message);
    }
    return { kind: 'url', url: { kind: 'value', secret: url } };
  }
  if (raw.host === undefined) complain([], 'needs host, url or url_file');
  if (raw.password !== undefined && raw.password_file !== undefined) {
    complain(['password'], 'at most one of password, password_file may be given');
  }
  return {
    kind: 'parts',
    host: raw.host ?? '',
    port: raw.port ?? DEFAULT_PORT,
    database: raw.database ?? 'binnacle',
    user: raw.user ?? 'binnacle',
    password: passwordOf(raw),
  };
}

function passwordOf({ password, password_file: path }: RawPlace): SecretSource | null {
  if (path !== undefined) return { kind: 'file', path };
  return password === undefined ? null : { kind: 'value', secret: password };
}

function isName(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes > 0 && bytes <= MAX_NAME_BYTES && !/[\0\p{Surrogate}]/u.test(text);
}
