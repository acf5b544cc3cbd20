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
  readonly body: string;
  readonly contentType: string;
  readonly region: string;
  /** `sns`, `sts`. */
  readonly service: string;
  readonly nowMs: number;
  /** Further headers to sign, in lower case. */
  readonly headers?: readonly (readonly [string, string])[];
}

type Headers = readonly (readonly [string, string | Secret])[];

/** The headers that sign a POST (AWS Signature Version 4). */
export function signAwsRequest(request: AwsRequest, credentials: AwsCredentials): Headers {
  const { url, body, contentType, region, service, nowMs } = request;
  const time = formatRfc3339(Math.floor(nowMs / 1_000) * 1_000).replaceAll(/[-:]/g, '');
  const day = time.slice(0, 8);
  const { sessionToken } = credentials;
  const headers: (readonly [string, string])[] = [
    ...(request.headers ?? []),
    ['content-type', contentType],
    ['host', url.host],
    ['x-amz-date', time],
    ...(sessionToken === null ? [] : [['x-amz-security-token', sessionToken] as const]),
  ];
  headers.sort(([a], [b]) => (a < b ? -1 : 1));
  const signed = headers.map(([name]) => name).join(';');
  const canonical = [
    'POST',
    url.pathname,
    url.searchParams.toString(),
    ...headers.map(([name, value]) => `${name}:${value.trim()}`),
    '',
    signed,
    sha256(body),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  let key: Buffer = hmac(`AWS4${credentials.secretKey}`, day);
  for (const part of [region, service, 'aws4_request']) key = hmac(key, part);
  const signature = hmac(key, toSign).toString('hex');
  return [
    ['Content-Type', contentType],
    ['X-Amz-Date', time],
    ...(sessionToken === null ? [] : [['X-Amz-Security-Token', new Secret(sessionToken)] as const]),
    [
      'Authorization',
      `AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
    ],
  ];
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
