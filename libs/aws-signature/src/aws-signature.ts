import { createHash, createHmac } from 'node:crypto';
import { formatRfc3339 } from '#libs/calendar';
import { Secret } from '#libs/yaml-config';

export interface AwsCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  /** For credentials that are lent for a while; null for others. */
  readonly sessionToken: string | null;
}

export interface AwsRequest {
  readonly url: URL;
  readonly body: string | Uint8Array;
  readonly contentType: string;
  readonly region: string;
  /** `sns`, `sts`, `es`, `aoss`. */
  readonly service: string;
  readonly nowMs: number;
  /** Further headers to sign, in lower case. */
  readonly headers?: readonly (readonly [string, string])[];
  /** Also tell and sign what the body's hash is, which some services ask for. */
  readonly tellsHash?: boolean;
}

type Headers = readonly (readonly [string, string | Secret])[];

/** The headers that sign a POST (AWS Signature Version 4). */
export function signAwsRequest(request: AwsRequest, credentials: AwsCredentials): Headers {
  const { url, body, contentType, region, service, nowMs, tellsHash = false } = request;
  const time = formatRfc3339(Math.floor(nowMs / 1_000) * 1_000).replaceAll(/[-:]/g, '');
  const day = time.slice(0, 8);
  const { sessionToken } = credentials;
  const hash = sha256(body);
  const headers: (readonly [string, string])[] = [
    ...(request.headers ?? []),
    ['content-type', contentType],
    ['host', url.host],
    ...(tellsHash ? [['x-amz-content-sha256', hash] as const] : []),
    ['x-amz-date', time],
    ...(sessionToken === null ? [] : [['x-amz-security-token', sessionToken] as const]),
  ];
  headers.sort(([a], [b]) => compare(a, b));
  const signed = headers.map(([name]) => name).join(';');
  const canonical = [
    'POST',
    canonicalPath(url.pathname),
    canonicalQuery(url.searchParams),
    ...headers.map(([name, value]) => `${name}:${value.trim()}`),
    '',
    signed,
    hash,
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  let key: Buffer = hmac(`AWS4${credentials.secretKey}`, day);
  for (const part of [region, service, 'aws4_request']) key = hmac(key, part);
  const signature = hmac(key, toSign).toString('hex');
  return [
    ['Content-Type', contentType],
    ['X-Amz-Date', time],
    ...(tellsHash ? [['X-Amz-Content-Sha256', hash] as const] : []),
    ...(sessionToken === null ? [] : [['X-Amz-Security-Token', new Secret(sessionToken)] as const]),
    [
      'Authorization',
      `AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
    ],
  ];
}

/** Each segment of a path as it is sent, encoded once more. */
function canonicalPath(pathname: string): string {
  return pathname.split('/').map(encode).join('/');
}

function canonicalQuery(parameters: URLSearchParams): string {
  const pairs = [...parameters].map(([name, value]) => [encode(name), encode(value)] as const);
  pairs.sort(([a, av], [b, bv]) => compare(a, b) || compare(av, bv));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

/** As RFC 3986 says: all but letters, digits and `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.codePointAt(0)!.toString(16).toUpperCase()}`,
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
