import {
  checkHttpClient,
  type HttpClientConfig,
  httpClientShape,
  objectOfKnownKeys,
  toHttpClientConfig,
} from '#libs/discovery';
import { byteSize, parsedText, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import { SearchPattern } from './search-pattern.ts';

/** A condition on a response header. */
export interface HeaderCondition {
  readonly header: string;
  readonly pattern: SearchPattern;
  /** Whether the condition is met where the header is missing. */
  readonly allowsMissing: boolean;
}

/** What an HTTP probe sends and what it takes for success. */
export interface HttpProbeModule {
  /** Empty for any of 200 to 299. */
  readonly validStatusCodes: readonly number[];
  /** `HTTP/1.1`; empty for any. */
  readonly validHttpVersions: readonly string[];
  readonly preferredFamily: 4 | 6;
  readonly hasFamilyFallback: boolean;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly failsIfSsl: boolean;
  readonly failsIfNotSsl: boolean;
  readonly failsIfBodyMatches: readonly SearchPattern[];
  readonly failsIfBodyNotMatches: readonly SearchPattern[];
  readonly failsIfHeaderMatches: readonly HeaderCondition[];
  readonly failsIfHeaderNotMatches: readonly HeaderCondition[];
  readonly compression: 'none' | 'gzip' | 'identity';
  readonly maxBodyBytes: number;
  /** Redirects, credentials, TLS. */
  readonly http: HttpClientConfig;
}

const DEFAULT_BODY_LIMIT = 10 * 1024 * 1024;

/** A pattern that may match anywhere. */
export const searchPatternSchema = parsedText((pattern) => new SearchPattern(pattern));

const headerCondition = z
  .strictObject({
    header: yamlText().min(1),
    regexp: searchPatternSchema,
    allow_missing: z.boolean().default(false),
  })
  .transform(({ header, regexp, allow_missing: allowsMissing }): HeaderCondition => ({
    header: header.toLowerCase(),
    pattern: regexp,
    allowsMissing,
  }));

export const ipProtocolShape = {
  preferred_ip_protocol: z.enum(['ip4', 'ip6']).default('ip4'),
  ip_protocol_fallback: z.boolean().default(true),
};

const headerName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, { error: 'not a valid header name' });
const headerValue = yamlText().regex(/^[\t\x20-\x7e\x80-\xff]*$/, {
  error: 'not a valid header value',
});

const CANNOT: ReadonlyMap<string, string> = new Map([
  ['oauth2', 'this version does not fetch OAuth 2 tokens; accepted are authorization, basic_auth'],
  ['proxy_url', 'this version does not probe through a proxy'],
  ['proxy_from_environment', 'this version does not probe through a proxy'],
  ['proxy_connect_header', 'this version does not probe through a proxy'],
  ['no_proxy', 'this version does not probe through a proxy'],
  ['skip_resolve_phase_with_proxy', 'this version does not probe through a proxy'],
  ['enable_http3', 'this version speaks HTTP/1.1 only'],
  ['body_file', 'this version takes the body from the configuration; accepted is body'],
  [
    'fail_if_body_json_matches_cel',
    'this version has no CEL; accepted is fail_if_body_matches_regexp',
  ],
  [
    'fail_if_body_json_not_matches_cel',
    'this version has no CEL; accepted is fail_if_body_not_matches_regexp',
  ],
]);

const rawHttpModule = objectOfKnownKeys(
  {
    ...httpClientShape,
    ...ipProtocolShape,
    valid_status_codes: z.array(z.int().min(100).max(599)).default([]),
    valid_http_versions: z.array(z.enum(['HTTP/1.0', 'HTTP/1.1'])).default([]),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
    headers: z.record(headerName, headerValue).default({}),
    body: yamlText().default(''),
    // The old name of follow_redirects, with its sense turned round.
    no_follow_redirects: z.boolean().optional(),
    fail_if_ssl: z.boolean().default(false),
    fail_if_not_ssl: z.boolean().default(false),
    fail_if_body_matches_regexp: z.array(searchPatternSchema).default([]),
    fail_if_body_not_matches_regexp: z.array(searchPatternSchema).default([]),
    fail_if_header_matches: z.array(headerCondition).default([]),
    fail_if_header_not_matches: z.array(headerCondition).default([]),
    compression: z.enum(['gzip', 'identity', '']).default(''),
    body_size_limit: byteSize().optional(),
  },
  (key) => CANNOT.get(key) ?? null,
);

/** blackbox_exporter's `http` module. */
export const httpModuleSchema = rawHttpModule
  .superRefine((raw, context) => {
    checkHttpClient(raw, (path, message) => {
      context.addIssue({ code: 'custom', message, path: [...path] });
    });
    if (raw.fail_if_ssl && raw.fail_if_not_ssl) {
      const message = 'cannot be true together with fail_if_ssl';
      context.addIssue({ code: 'custom', message, path: ['fail_if_not_ssl'] });
    }
  })
  .transform((raw): HttpProbeModule => {
    const http = toHttpClientConfig(raw);
    const followsRedirects = http.followsRedirects && raw.no_follow_redirects !== true;
    return {
      validStatusCodes: raw.valid_status_codes,
      validHttpVersions: raw.valid_http_versions,
      preferredFamily: raw.preferred_ip_protocol === 'ip6' ? 6 : 4,
      hasFamilyFallback: raw.ip_protocol_fallback,
      method: raw.method,
      headers: Object.entries(raw.headers),
      body: raw.body,
      failsIfSsl: raw.fail_if_ssl,
      failsIfNotSsl: raw.fail_if_not_ssl,
      failsIfBodyMatches: raw.fail_if_body_matches_regexp,
      failsIfBodyNotMatches: raw.fail_if_body_not_matches_regexp,
      failsIfHeaderMatches: raw.fail_if_header_matches,
      failsIfHeaderNotMatches: raw.fail_if_header_not_matches,
      compression: raw.compression === '' ? 'none' : raw.compression,
      maxBodyBytes: raw.body_size_limit || DEFAULT_BODY_LIMIT,
      http: { ...http, followsRedirects },
    };
  });
