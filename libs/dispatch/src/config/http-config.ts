import { z } from 'zod';
import type {
  HttpClientConfig,
  OAuth2Config,
  ProxyConfig,
  TlsConfig,
} from './integration-config.ts';
import {
  type Complain,
  complainIfBoth,
  filled,
  isBlank,
  type Path,
  secretSource,
} from './config-checks.ts';
import { flag, list, maybe, secretText, text, textEntries } from './yaml-values.ts';

const TLS_VERSIONS = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
} as const;
const tlsVersion = z
  .enum(['TLS10', 'TLS11', 'TLS12', 'TLS13'])
  .transform((version) => TLS_VERSIONS[version]);

/** `tls_config` as it is written. */
export const tlsConfigSchema = z.strictObject({
  ca: maybe(text),
  ca_file: maybe(text),
  cert: maybe(text),
  cert_file: maybe(text),
  key: maybe(secretText),
  key_file: maybe(text),
  server_name: maybe(text),
  insecure_skip_verify: maybe(flag),
  min_version: maybe(tlsVersion),
  max_version: maybe(tlsVersion),
});

/** A mapping of names to lists of secrets, in the order of the file. */
const secretLists = z
  .record(z.string(), list(secretText))
  .nullish()
  .transform((mapping) => Object.entries(mapping ?? {}));

const proxyFields = {
  proxy_url: maybe(secretText),
  no_proxy: maybe(text),
  proxy_from_environment: maybe(flag),
  proxy_connect_header: secretLists,
};

const oauth2Schema = z.strictObject({
  client_id: maybe(text),
  client_secret: maybe(secretText),
  client_secret_file: maybe(text),
  scopes: list(text),
  token_url: maybe(text),
  endpoint_params: textEntries,
  tls_config: maybe(tlsConfigSchema),
  ...proxyFields,
});

/** `http_config` as it is written. */
export const httpConfigSchema = z.strictObject({
  basic_auth: maybe(
    z.strictObject({
      username: maybe(text),
      username_file: maybe(text),
      password: maybe(secretText),
      password_file: maybe(text),
    }),
  ),
  authorization: maybe(
    z.strictObject({
      type: maybe(text),
      credentials: maybe(secretText),
      credentials_file: maybe(text),
    }),
  ),
  oauth2: maybe(oauth2Schema),
  bearer_token: maybe(secretText),
  bearer_token_file: maybe(text),
  http_headers: z
    .record(
      z.string(),
      z.strictObject({ values: list(text), secrets: list(secretText), files: list(text) }),
    )
    .nullish()
    .transform((mapping) => Object.entries(mapping ?? {})),
  ...proxyFields,
  // Both are accepted and change nothing: redirects are never followed, and HTTP/1.1 serves everywhere.
  follow_redirects: maybe(flag),
  enable_http2: maybe(flag),
  tls_config: maybe(tlsConfigSchema),
});

export type RawTlsConfig = z.output<typeof tlsConfigSchema>;
export type RawHttpConfig = z.output<typeof httpConfigSchema>;
type RawProxy = Pick<
  RawHttpConfig,
  'proxy_url' | 'no_proxy' | 'proxy_from_environment' | 'proxy_connect_header'
>;

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What the sender of a request decides by itself. */
const RESERVED_HEADERS = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'proxy-authorization',
  'transfer-encoding',
  'user-agent',
]);

/** Checks what several keys of an `http_config` say together. */
export function checkHttp(http: RawHttpConfig, path: Path, complain: Complain): void {
  const ways = [
    ['basic_auth', http.basic_auth],
    ['authorization', http.authorization],
    ['oauth2', http.oauth2],
    ['bearer_token', http.bearer_token],
    ['bearer_token_file', filled(http.bearer_token_file)],
  ] as const;
  const [first, second] = ways.filter(([, value]) => value !== null).map(([key]) => key);
  if (first !== undefined && second !== undefined) {
    complain([...path, second], `at most one of ${first} and ${second} is accepted`);
  }
  if (http.basic_auth !== null) {
    const at = [...path, 'basic_auth'];
    complainIfBoth(http.basic_auth, ['password', 'password_file'], at, complain);
    complainIfBoth(http.basic_auth, ['username', 'username_file'], at, complain);
  }
  if (http.authorization !== null) {
    const at = [...path, 'authorization'];
    const type = http.authorization.type ?? 'Bearer';
    complainIfBoth(http.authorization, ['credentials', 'credentials_file'], at, complain);
    if (type.trim().toLowerCase() === 'basic') {
      complain([...at, 'type'], 'cannot be Basic; use basic_auth for that');
    } else if (type !== '' && !TOKEN.test(type)) {
      complain([...at, 'type'], 'expected one word such as Bearer');
    }
  }
  if (http.oauth2 !== null) checkOAuth2(http.oauth2, [...path, 'oauth2'], complain);
  for (const [name] of http.http_headers) {
    const at = [...path, 'http_headers', name];
    if (!TOKEN.test(name)) complain(at, 'expected the name of a header');
    else if (RESERVED_HEADERS.has(name.toLowerCase())) {
      complain(at, 'is a header that is set already and cannot be given here');
    }
  }
  checkProxy(http, path, complain);
  if (http.tls_config !== null) checkTls(http.tls_config, [...path, 'tls_config'], complain);
}

function checkOAuth2(
  oauth2: NonNullable<RawHttpConfig['oauth2']>,
  path: Path,
  complain: Complain,
): void {
  if (isBlank(oauth2.client_id)) complain(path, '"client_id" is missing');
  if (isBlank(oauth2.token_url)) complain(path, '"token_url" is missing');
  complainIfBoth(oauth2, ['client_secret', 'client_secret_file'], path, complain);
  checkProxy(oauth2, path, complain);
  if (oauth2.tls_config !== null) checkTls(oauth2.tls_config, [...path, 'tls_config'], complain);
}

function checkProxy(raw: RawProxy, path: Path, complain: Complain): void {
  const hasUrl = raw.proxy_url !== null && !raw.proxy_url.isEmpty;
  if (raw.proxy_from_environment === true) {
    if (hasUrl) {
      complain([...path, 'proxy_url'], 'is not accepted together with proxy_from_environment');
    }
    if (!isBlank(raw.no_proxy)) {
      complain([...path, 'no_proxy'], 'is not accepted together with proxy_from_environment');
    }
  } else if (!hasUrl) {
    if (!isBlank(raw.no_proxy)) complain([...path, 'no_proxy'], 'needs a proxy_url');
    if (raw.proxy_connect_header.length > 0) {
      complain([...path, 'proxy_connect_header'], 'needs a proxy_url or proxy_from_environment');
    }
  }
}

/** Checks what several keys of a `tls_config` say together. */
export function checkTls(tls: RawTlsConfig, path: Path, complain: Complain): void {
  complainIfBoth(tls, ['ca', 'ca_file'], path, complain);
  complainIfBoth(tls, ['cert', 'cert_file'], path, complain);
  complainIfBoth(tls, ['key', 'key_file'], path, complain);
  const hasCert = !isBlank(tls.cert) || !isBlank(tls.cert_file);
  const hasKey = !isBlank(tls.key?.reveal()) || !isBlank(tls.key_file);
  if (hasCert !== hasKey) complain(path, 'a certificate and its key are needed together');
  if (tls.min_version !== null && tls.max_version !== null && tls.min_version > tls.max_version) {
    complain([...path, 'min_version'], 'must not be above max_version');
  }
}

/** What a checked `http_config` means. */
export function buildHttp(raw: RawHttpConfig | null): HttpClientConfig {
  return {
    authorization: buildAuthorization(raw),
    headers: (raw?.http_headers ?? []).map(([name, { values, secrets, files }]) => [
      name,
      [
        ...values.map((value) => ({ kind: 'text', text: value }) as const),
        ...secrets.map((secret) => ({ kind: 'inline', secret }) as const),
        ...files.map((path) => ({ kind: 'file', path }) as const),
      ],
    ]),
    tls: buildTls(raw?.tls_config ?? null),
    proxy: buildProxy(raw),
  };
}

function buildAuthorization(raw: RawHttpConfig | null): HttpClientConfig['authorization'] {
  if (raw === null) return { kind: 'none' };
  const { basic_auth: basic, authorization: header, oauth2 } = raw;
  if (basic !== null) {
    const usernameFile = filled(basic.username_file);
    return {
      kind: 'basic',
      username:
        usernameFile === null
          ? { kind: 'text', text: basic.username ?? '' }
          : { kind: 'file', path: usernameFile },
      password: secretSource(basic.password, basic.password_file),
    };
  }
  if (oauth2 !== null) return { kind: 'oauth2', oauth2: buildOAuth2(oauth2) };
  const credentials =
    header === null
      ? secretSource(raw.bearer_token, raw.bearer_token_file)
      : secretSource(header.credentials, header.credentials_file);
  if (credentials === null) return { kind: 'none' };
  return { kind: 'header', scheme: filled(header?.type) ?? 'Bearer', credentials };
}

function buildOAuth2(raw: NonNullable<RawHttpConfig['oauth2']>): OAuth2Config {
  return {
    clientId: raw.client_id ?? '',
    clientSecret: secretSource(raw.client_secret, raw.client_secret_file),
    scopes: raw.scopes,
    tokenUrl: raw.token_url ?? '',
    endpointParams: raw.endpoint_params.map(([name, value]) => [name, value ?? '']),
    tls: buildTls(raw.tls_config),
    proxy: buildProxy(raw),
  };
}

function buildProxy(raw: RawProxy | null): ProxyConfig {
  if (raw === null) return { kind: 'none' };
  const connectHeaders = raw.proxy_connect_header;
  if (raw.proxy_from_environment === true) return { kind: 'environment', connectHeaders };
  if (raw.proxy_url === null || raw.proxy_url.isEmpty) return { kind: 'none' };
  return { kind: 'url', url: raw.proxy_url, noProxy: raw.no_proxy ?? '', connectHeaders };
}

/** What a checked `tls_config` means. */
export function buildTls(raw: RawTlsConfig | null): TlsConfig {
  return {
    ca: filled(raw?.ca),
    caFile: filled(raw?.ca_file),
    cert: filled(raw?.cert),
    certFile: filled(raw?.cert_file),
    key: secretSource(raw?.key, raw?.key_file),
    serverName: filled(raw?.server_name),
    skipsVerification: raw?.insecure_skip_verify ?? false,
    minVersion: raw?.min_version ?? null,
    maxVersion: raw?.max_version ?? null,
  };
}
