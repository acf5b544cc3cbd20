import { Secret, yamlText } from '#libs/yaml-config';
import { z } from 'zod';

/** A secret given in the configuration or in a file that is read again before each use. */
export type SecretSource =
  | { readonly kind: 'value'; readonly secret: Secret }
  | { readonly kind: 'file'; readonly path: string };

/** What stands in the `Authorization` header of every request. */
export type HttpAuthConfig =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'basic';
      readonly username: SecretSource;
      readonly password: SecretSource | null;
    }
  | { readonly kind: 'header'; readonly scheme: string; readonly credentials: SecretSource };

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** Prometheus's `tls_config`. Paths are as written: relative ones are relative to the configuration's folder. */
export interface TlsClientConfig {
  readonly ca: SecretSource | null;
  readonly cert: SecretSource | null;
  readonly key: SecretSource | null;
  readonly serverName: string | null;
  readonly isVerified: boolean;
  readonly minVersion: TlsVersion | null;
  readonly maxVersion: TlsVersion | null;
}

/** A header added to every request. */
export interface ExtraHeader {
  readonly name: string;
  readonly values: readonly SecretSource[];
}

/** How requests are made, apart from where to. */
export interface HttpClientConfig {
  readonly auth: HttpAuthConfig;
  readonly tls: TlsClientConfig;
  readonly followsRedirects: boolean;
  readonly headers: readonly ExtraHeader[];
}

const secret = yamlText().transform((text) => new Secret(text));
const filePath = yamlText().min(1);

const tlsVersion = z.enum(['TLS10', 'TLS11', 'TLS12', 'TLS13']);

export const tlsConfigSchema = z.strictObject({
  ca: yamlText().optional(),
  ca_file: filePath.optional(),
  cert: yamlText().optional(),
  cert_file: filePath.optional(),
  key: secret.optional(),
  key_file: filePath.optional(),
  server_name: yamlText().optional(),
  insecure_skip_verify: z.boolean().default(false),
  min_version: tlsVersion.optional(),
  max_version: tlsVersion.optional(),
});

/** The keys of Prometheus's HTTP client that any block with requests may have. */
export const httpClientShape = {
  basic_auth: z
    .strictObject({
      username: yamlText().optional(),
      username_file: filePath.optional(),
      password: secret.optional(),
      password_file: filePath.optional(),
    })
    .optional(),
  authorization: z
    .strictObject({
      type: yamlText().default('Bearer'),
      credentials: secret.optional(),
      credentials_file: filePath.optional(),
    })
    .optional(),
  bearer_token: secret.optional(),
  bearer_token_file: filePath.optional(),
  tls_config: tlsConfigSchema.optional(),
  follow_redirects: z.boolean().default(true),
  // HTTP/1.1 is what we speak; a server that offers HTTP/2 takes it as well.
  enable_http2: z.boolean().optional(),
  http_headers: z
    .record(
      z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: 'not a valid header name' }),
      z.strictObject({
        values: z.array(yamlText()).optional(),
        secrets: z.array(secret).optional(),
        files: z.array(filePath).optional(),
      }),
    )
    .optional(),
};

export type RawHttpClientConfig = z.output<z.ZodObject<typeof httpClientShape, z.core.$strict>>;

/** A complaint about one key, or about the block where `path` is empty. */
export type Complaint = (path: readonly PropertyKey[], message: string) => void;

const RESERVED_HEADERS = new Set([
  'authorization',
  'host',
  'content-encoding',
  'content-length',
  'content-type',
  'user-agent',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'www-authenticate',
  'accept-encoding',
  'x-prometheus-remote-write-version',
  'x-prometheus-remote-read-version',
  'x-prometheus-scrape-timeout-seconds',
]);

/** The checks Prometheus makes across keys (`config.HTTPClientConfig.Validate`). */
export function checkHttpClient(raw: RawHttpClientConfig, complain: Complaint): void {
  const { basic_auth: basic, authorization } = raw;
  const ways = [
    basic !== undefined && 'basic_auth',
    authorization !== undefined && 'authorization',
    raw.bearer_token !== undefined && 'bearer_token',
    raw.bearer_token_file !== undefined && 'bearer_token_file',
  ].filter((way) => way !== false);
  if (ways.length > 1) {
    complain([ways[1]!], `at most one of ${ways.join(', ')} may be given`);
  }
  if (basic !== undefined) {
    if (basic.username !== undefined && basic.username_file !== undefined) {
      complain(['basic_auth'], 'at most one of username, username_file may be given');
    }
    if (basic.password !== undefined && basic.password_file !== undefined) {
      complain(['basic_auth'], 'at most one of password, password_file may be given');
    }
  }
  if (authorization !== undefined) {
    const { credentials, credentials_file: file, type } = authorization;
    if (credentials !== undefined && file !== undefined) {
      complain(['authorization'], 'at most one of credentials, credentials_file may be given');
    }
    if (type.trim().toLowerCase() === 'basic') {
      complain(['authorization', 'type'], 'the type cannot be basic; use basic_auth instead');
    }
  }
  for (const name of Object.keys(raw.http_headers ?? {})) {
    if (RESERVED_HEADERS.has(name.toLowerCase())) {
      complain(['http_headers', name], 'this header cannot be set');
    }
  }
  if (raw.tls_config !== undefined) {
    checkTls(raw.tls_config, (path, message) => complain(['tls_config', ...path], message));
  }
}

/** The checks Prometheus makes across the keys of a `tls_config`. */
export function checkTls(raw: z.output<typeof tlsConfigSchema>, complain: Complaint): void {
  for (const name of ['ca', 'cert', 'key'] as const) {
    if (raw[name] !== undefined && raw[`${name}_file`] !== undefined) {
      complain([name], `at most one of ${name}, ${name}_file may be given`);
    }
  }
  const hasCert = raw.cert !== undefined || raw.cert_file !== undefined;
  const hasKey = raw.key !== undefined || raw.key_file !== undefined;
  if (hasCert !== hasKey) {
    const [there, missing] = hasCert ? ['cert', 'key'] : ['key', 'cert'];
    complain([], `a client ${there} also needs ${missing} or ${missing}_file`);
  }
  if (raw.min_version !== undefined && raw.max_version !== undefined) {
    if (raw.min_version > raw.max_version) {
      complain(['max_version'], 'must not be below min_version');
    }
  }
}

/** The checked keys in the form the client takes. */
export function toHttpClientConfig(raw: RawHttpClientConfig): HttpClientConfig {
  return {
    auth: toAuth(raw),
    tls: toTlsClientConfig(raw.tls_config),
    followsRedirects: raw.follow_redirects,
    headers: Object.entries(raw.http_headers ?? {}).map(([name, header]) => ({
      name,
      values: [
        ...(header.values ?? []).map(fromText),
        ...(header.secrets ?? []).map((value): SecretSource => ({ kind: 'value', secret: value })),
        ...(header.files ?? []).map((path): SecretSource => ({ kind: 'file', path })),
      ],
    })),
  };
}

function toAuth(raw: RawHttpClientConfig): HttpAuthConfig {
  if (raw.basic_auth !== undefined) {
    const { username, username_file: usernameFile, password, password_file } = raw.basic_auth;
    return {
      kind: 'basic',
      username:
        usernameFile === undefined
          ? fromText(username ?? '')
          : { kind: 'file', path: usernameFile },
      password: secretSource(password, password_file),
    };
  }
  const bearer = secretSource(raw.bearer_token, raw.bearer_token_file);
  if (bearer !== null) return { kind: 'header', scheme: 'Bearer', credentials: bearer };
  if (raw.authorization === undefined) return { kind: 'none' };
  const { type, credentials, credentials_file: file } = raw.authorization;
  const source = secretSource(credentials, file) ?? fromText('');
  return { kind: 'header', scheme: type.trim(), credentials: source };
}

/** The form the client takes of a `tls_config` that may be missing. */
export function toTlsClientConfig(
  raw: z.output<typeof tlsConfigSchema> | undefined,
): TlsClientConfig {
  return {
    ca: textSource(raw?.ca, raw?.ca_file),
    cert: textSource(raw?.cert, raw?.cert_file),
    key: secretSource(raw?.key, raw?.key_file),
    serverName: raw?.server_name ?? null,
    isVerified: !(raw?.insecure_skip_verify ?? false),
    minVersion: toTlsVersion(raw?.min_version),
    maxVersion: toTlsVersion(raw?.max_version),
  };
}

const TLS_VERSIONS = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
} as const;

function toTlsVersion(name: keyof typeof TLS_VERSIONS | undefined): TlsVersion | null {
  return name === undefined ? null : TLS_VERSIONS[name];
}

function fromText(text: string): SecretSource {
  return { kind: 'value', secret: new Secret(text) };
}

function textSource(text: string | undefined, path: string | undefined): SecretSource | null {
  return secretSource(text === undefined ? undefined : new Secret(text), path);
}

function secretSource(value: Secret | undefined, path: string | undefined): SecretSource | null {
  if (path !== undefined) return { kind: 'file', path };
  return value === undefined ? null : { kind: 'value', secret: value };
}
