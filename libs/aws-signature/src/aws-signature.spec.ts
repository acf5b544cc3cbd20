import { describe, expect, it } from '@jest/globals';
import { Secret } from '#libs/yaml-config';
import { type AwsRequest, signAwsRequest } from './index.ts';

const KEYS = {
  accessKey: 'AKIDEXAMPLE',
  secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: null,
};
/** Of AWS's own examples. */
const REQUEST: AwsRequest = {
  url: new URL('https://example.amazonaws.com/'),
  body: 'Param1=value1',
  contentType: 'application/x-www-form-urlencoded',
  region: 'us-east-1',
  service: 'service',
  nowMs: Date.UTC(2015, 7, 30, 12, 36, 0),
};

function headersOf(request: AwsRequest, sessionToken: string | null = null): Map<string, string> {
  const headers = signAwsRequest(request, { ...KEYS, sessionToken });
  return new Map(
    headers.map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]),
  );
}

function authorizationOf(request: AwsRequest): string {
  return headersOf(request).get('Authorization')!;
}

describe('a signature', () => {
  it('is the one that AWS publishes for its example of a form', () => {
    expect(authorizationOf(REQUEST)).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ' +
        'SignedHeaders=content-type;host;x-amz-date, ' +
        'Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    );
  });

  it('is of bytes as of the text they are', () => {
    const body = Buffer.from('Param1=value1');
    expect(authorizationOf({ ...REQUEST, body })).toBe(authorizationOf(REQUEST));
  });

  it('does not depend on the order of parameters, nor on how they were written', () => {
    const [one, two] = ['?b=items.*,x%20y&a=~', '?a=%7E&b=items.%2A%2Cx+y'].map((query) =>
      authorizationOf({ ...REQUEST, url: new URL(`https://h/p${query}`) }),
    );
    expect(one).toBe(two);
    expect(one).not.toBe(authorizationOf({ ...REQUEST, url: new URL('https://h/p?a=~') }));
  });

  it('covers the hash and the session where they are told', () => {
    const headers = headersOf({ ...REQUEST, tellsHash: true }, 'lent');
    expect(headers.get('X-Amz-Content-Sha256')).toMatch(/^[0-9a-f]{64}$/);
    expect(headers.get('X-Amz-Security-Token')).toBe('lent');
    expect(headers.get('Authorization')).toContain(
      'SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token,',
    );
  });
});
