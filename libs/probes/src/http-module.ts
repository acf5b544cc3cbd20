import {
  checkHttpClient,
  type HttpClientConfig,
  httpClientShape,
  objectOfKnownKeys,
  toHttpClientConfig,
} from '#libs/discovery';
import { byteSize, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import { type JsonCondition, jsonConditionSchema } from './json-condition.ts';
import type { SearchPattern } from './search-pattern.ts';
import { familyOptions, ipProtocolShape, searchPatternSchema } from './shapes.ts';

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
  /** `HTTP/1.1`, `HTTP/2.0`; empty for any. */
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
  readonly failsIfJsonMatches: readonly JsonCondition[];
  readonly failsIfJsonNotMatches: readonly JsonCondition[];
  readonly failsIfHeaderMatches: readonly HeaderCondition[];
  readonly failsIfHeaderNotMatches: readonly HeaderCondition[];
  readonly compression: 'none' | 'gzip' | 'br' | 'deflate' | 'identity';
  readonly maxBodyBytes: number;
  /** Whether HTTP/2 is offered where TLS is spoken. */
  readonly takesHttp2: boolean;
  /** Redirects, credentials, TLS. */
  readonly http: HttpClientConfig;
}

const DEFAULT_BODY_LIMIT = 10 * 1024 * 1024;

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
  ['enable_http3', 'this version speaks HTTP/1.1 and HTTP/2'],
  ['body_file', 'this version takes the body from the configuration; accepted is body'],
  [
    'fail_if_body_json_matches_cel',
    'this version has no CEL; accepted is fail_if_body_json_matches',
  ],
  [
    'fail_if_body_json_not_matches_cel',
    'this version has no CEL; accepted is fail_if_body_json_not_matches',
  ],
]);

const rawHttpModule = objectOfKnownKeys(
  {
    ...httpClientShape,
    ...ipProtocolShape,
    valid_status_codes: z.array(z.int().min(100).max(599)).default([]),
    valid_http_versions: z.array(z.enum(['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0'])).default([]),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
    headers: z.record(headerName, headerValue).default({}),
    body: yamlText().default(''),
    // The old name of follow_redirects, with its sense turned round.
    no_follow_redirects: z.boolean().optional(),
    fail_if_ssl: z.boolean().default(false),
    fail_if_not_ssl: z.boolean().default(false),
    fail_if_body_matches_regexp: z.array(searchPatternSchema).default([]),
    fail_if_body_not_matches_regexp: z.array(searchPatternSchema).default([]),
    // Ours: what CEL is for there, as far as one value tells.
    fail_if_body_json_matches: z.array(jsonConditionSchema).default([]),
    fail_if_body_json_not_matches: z.array(jsonConditionSchema).default([]),
    fail_if_header_matches: z.array(headerCondition).default([]),
    fail_if_header_not_matches: z.array(headerCondition).default([]),
    compression: z.enum(['gzip', 'br', 'deflate', 'identity', '']).default(''),
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
      ...familyOptions(raw),
      method: raw.method,
      headers: Object.entries(raw.headers),
      body: raw.body,
      failsIfSsl: raw.fail_if_ssl,
      failsIfNotSsl: raw.fail_if_not_ssl,
      failsIfBodyMatches: raw.fail_if_body_matches_regexp,
      failsIfBodyNotMatches: raw.fail_if_body_not_matches_regexp,
      failsIfJsonMatches: raw.fail_if_body_json_matches,
      failsIfJsonNotMatches: raw.fail_if_body_json_not_matches,
      failsIfHeaderMatches: raw.fail_if_header_matches,
      failsIfHeaderNotMatches: raw.fail_if_header_not_matches,
      compression: raw.compression === '' ? 'none' : raw.compression,
      maxBodyBytes: raw.body_size_limit || DEFAULT_BODY_LIMIT,
      takesHttp2: raw.enable_http2 ?? true,
      http: { ...http, followsRedirects },
    };
  });
