import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** The signature that AWS would compute of a POST it was sent; written down apart from ours. */
export function receivedAwsSignature(
  url: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
  secretKey: string,
): string {
  const match = /Credential=\w+\/(\S+), SignedHeaders=(\S+),/.exec(headers.authorization ?? '');
  const [, scope = '', names = ''] = match ?? [];
  const hash = createHash('sha256').update(body).digest('hex');
  const [path = '', query = ''] = url.split('?');
  const parameters = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => pair.split('=').map((part) => decodeURIComponent(part.replaceAll('+', ' '))))
    .map((pair) => pair.map((part) => encodeURIComponent(part).replaceAll('*', '%2A')).join('='));
  const canonical = [
    'POST',
    path,
    parameters.toSorted().join('&'),
    ...names.split(';').map((name) => `${name}:${String(headers[name])}`),
    '',
    names,
    hash,
  ].join('\n');
  const time = String(headers['x-amz-date']);
  const digest = createHash('sha256').update(canonical).digest('hex');
  let key: string | Buffer = `AWS4${secretKey}`;
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest();
  return createHmac('sha256', key)
    .update(['AWS4-HMAC-SHA256', time, scope, digest].join('\n'))
    .digest('hex');
}
