import { describe, expect, it } from '@jest/globals';
import { METRIC_NAME } from '#libs/labels';
import { parseYamlConfig } from '#libs/yaml-config';
import {
  type HttpAnswer,
  type HttpExchange,
  httpModuleSchema,
  type HttpProbeModule,
  type HttpProbeRequest,
  judgeHttp,
  observeHttp,
  type ProbeVerdict,
} from './index.ts';

function moduleOf(yaml: string): HttpProbeModule {
  return parseYamlConfig(yaml, httpModuleSchema, { file: 'm.yml' });
}

function answer(status: number, more: Partial<HttpAnswer> = {}): HttpAnswer {
  return {
    status,
    statusText: status === 200 ? 'OK' : 'Something',
    httpVersion: '1.1',
    headers: [],
    body: Buffer.from('all is well'),
    tls: null,
    ...more,
  };
}

function exchange(more: Partial<HttpExchange>): HttpExchange {
  return {
    address: { ip: '127.0.0.1', family: 4 },
    phases: { resolve: 0.1, connect: 0.2, tls: 0, processing: 0.3, transfer: 0.4 },
    answer: null,
    failure: null,
    ...more,
  };
}

const redirect = (status: number, location: string) =>
  exchange({ answer: answer(status, { headers: [['Location', location]] }) });

/** Probes a network in memory, where each URL has one answer, and keeps what was asked. */
async function probe(yaml: string, target: string, pages: Readonly<Record<string, HttpExchange>>) {
  const module = moduleOf(yaml);
  const requests: HttpProbeRequest[] = [];
  const transport = {
    exchange: async (request: HttpProbeRequest) => {
      requests.push(request);
      return (
        pages[request.url] ??
        exchange({ failure: { code: 'connect', message: 'connection refused' } })
      );
    },
  };
  const { signal } = new AbortController();
  const observation = await observeHttp(module, target, transport, { userAgent: 'B/1', signal });
  return { requests, verdict: judgeHttp(module, observation, 1.5) };
}

function metrics({ metrics: all }: ProbeVerdict): Record<string, number> {
  return Object.fromEntries(
    all.map(({ labels, value }) => {
      const rest = labels.with(METRIC_NAME, '');
      return [labels.metricName + (rest.size === 0 ? '' : rest.toString()), value];
    }),
  );
}

describe('the HTTP prober', () => {
  it('measures under the names of blackbox_exporter', async () => {
    const { verdict } = await probe('{}', 'a.example/x', {
      'http://a.example/x': exchange({
        answer: answer(200, { headers: [['Content-Length', '11']] }),
      }),
    });
    expect(metrics(verdict)).toEqual({
      probe_dns_lookup_time_seconds: 0.1,
      probe_duration_seconds: 1.5,
      probe_failed_due_to_regex: 0,
      probe_http_content_length: 11,
      'probe_http_duration_seconds{phase="connect"}': 0.2,
      'probe_http_duration_seconds{phase="processing"}': 0.3,
      'probe_http_duration_seconds{phase="resolve"}': 0.1,
      'probe_http_duration_seconds{phase="tls"}': 0,
      'probe_http_duration_seconds{phase="transfer"}': 0.4,
      probe_http_redirects: 0,
      probe_http_ssl: 0,
      probe_http_status_code: 200,
      probe_http_uncompressed_body_length: 11,
      probe_http_version: 1.1,
      // What blackbox_exporter 0.28 writes for 127.0.0.1.
      probe_ip_addr_hash: 3_668_918_509,
      probe_ip_protocol: 4,
      probe_success: 1,
    });
  });
  it('fails with the reason where nobody answers', async () => {
    const { verdict } = await probe('{}', 'a.example', {});
    expect(verdict.failure).toEqual({ code: 'connect', message: 'connection refused' });
    expect(metrics(verdict)).toMatchObject({ probe_success: 0, probe_http_status_code: 0 });
  });
  it.each([
    ['{}', answer(404), 'status', 'status 404 Something; accepted is 2xx'],
    ['{valid_status_codes: [404]}', answer(404), null, null],
    ['{valid_status_codes: [404]}', answer(200), 'status', 'status 200 OK; accepted is 404'],
    [
      '{fail_if_body_matches_regexp: ["is (un)?well"]}',
      answer(200),
      'body',
      'the body matches is (un)?well',
    ],
    [
      '{fail_if_body_not_matches_regexp: [healthy]}',
      answer(200),
      'body',
      'the body does not match healthy',
    ],
    ['{fail_if_body_not_matches_regexp: ["^all.*well$"]}', answer(200), null, null],
    [
      '{fail_if_body_matches_regexp: ["all.is"]}',
      answer(200, { body: Buffer.from('all\nis') }),
      null,
      null,
    ],
    ['{fail_if_not_ssl: true}', answer(200), 'ssl', 'the final answer did not come over TLS'],
    [
      '{valid_http_versions: [HTTP/1.0]}',
      answer(200),
      'version',
      'answered with HTTP/1.1; accepted is HTTP/1.0',
    ],
    [
      '{fail_if_header_not_matches: [{header: X-A, regexp: b}]}',
      answer(200),
      'header',
      'header x-a is missing',
    ],
    [
      '{fail_if_header_not_matches: [{header: X-A, regexp: b, allow_missing: true}]}',
      answer(200),
      null,
      null,
    ],
    [
      '{fail_if_header_matches: [{header: X-A, regexp: b}]}',
      answer(200, { headers: [['x-a', 'abc']] }),
      'header',
      'header x-a matches b',
    ],
  ])('%s', async (yaml, page, code, message) => {
    const { verdict } = await probe(yaml, 'http://a/', { 'http://a/': exchange({ answer: page }) });
    expect(verdict.failure).toEqual(code === null ? null : { code, message });
    expect(metrics(verdict)['probe_failed_due_to_regex']).toBe(
      code === 'body' || code === 'header' ? 1 : 0,
    );
  });
  it('tells of certificates and of the last modification', async () => {
    const tls = {
      version: 'TLS 1.3',
      cipher: 'TLS_AES_128_GCM_SHA256',
      isVerified: true,
      chain: [
        {
          notAfterMs: 2_000_000,
          subject: 'CN=a',
          issuer: 'CN=ca',
          alternativeNames: ['a', 'b'],
          serialNumber: '1f',
          fingerprintSha256: 'ab',
        },
        {
          notAfterMs: 1_000_000,
          subject: 'CN=ca',
          issuer: 'CN=ca',
          alternativeNames: [],
          serialNumber: '1',
          fingerprintSha256: 'cd',
        },
      ],
    };
    const headers = [['Last-Modified', 'Wed, 21 Oct 2015 07:28:00 GMT']] as const;
    const { verdict } = await probe('{}', 'https://a/', {
      'https://a/': exchange({ answer: answer(200, { tls, headers }) }),
    });
    expect(metrics(verdict)).toMatchObject({
      probe_http_ssl: 1,
      probe_http_last_modified_timestamp_seconds: 1_445_412_480,
      probe_ssl_earliest_cert_expiry: 1_000,
      probe_ssl_last_chain_expiry_timestamp_seconds: 1_000,
      'probe_tls_version_info{version="TLS 1.3"}': 1,
      'probe_ssl_last_chain_info{fingerprint_sha256="ab", issuer="CN=ca", serialnumber="1f", subject="CN=a", subjectalternative="a,b"}': 1,
    });
  });
});

describe('redirects of the HTTP prober', () => {
  const SECRETIVE = '{headers: {X-Key: s, Accept: "*/*"}, basic_auth: {username: u, password: p}}';
  it('keep credentials and headers at home', async () => {
    const { requests, verdict } = await probe(SECRETIVE, 'http://a/', {
      'http://a/': redirect(302, '/in'),
      'http://a/in': redirect(307, 'http://u:p@b/out'),
      'http://b/out': exchange({ answer: answer(200) }),
    });
    expect(
      requests.map(({ url, isTrusted, headers }) => [
        url,
        isTrusted,
        headers.map(([name]) => name),
      ]),
    ).toEqual([
      ['http://a/', true, ['X-Key', 'Accept', 'User-Agent']],
      ['http://a/in', true, ['X-Key', 'Accept', 'User-Agent']],
      ['http://b/out', false, ['Accept', 'User-Agent']],
    ]);
    expect(metrics(verdict)).toMatchObject({
      probe_success: 1,
      probe_http_redirects: 2,
      'probe_http_duration_seconds{phase="connect"}': expect.closeTo(0.6),
    });
  });
  it('never take a body to another host', async () => {
    const { requests, verdict } = await probe('{method: POST, body: secret}', 'http://a/', {
      'http://a/': redirect(307, 'http://b/'),
    });
    expect(requests).toHaveLength(1);
    expect(verdict.failure?.code).toBe('redirect');
  });
  it('turn a POST into a GET where the status says so', async () => {
    const { requests } = await probe('{method: POST, body: x}', 'http://a/', {
      'http://a/': redirect(303, 'http://b/'),
      'http://b/': exchange({ answer: answer(200) }),
    });
    expect(requests.map(({ method, body }) => [method, body])).toEqual([
      ['POST', 'x'],
      ['GET', ''],
    ]);
  });
  it('end after ten', async () => {
    const { requests, verdict } = await probe('{}', 'http://a/', {
      'http://a/': redirect(302, '/'),
    });
    expect(requests).toHaveLength(11);
    expect(verdict.failure?.message).toBe('status 302 Something; accepted is 2xx');
  });
  it('are not followed where the module says so', async () => {
    const { requests, verdict } = await probe(
      '{follow_redirects: false, valid_status_codes: [302]}',
      'http://a/',
      {
        'http://a/': redirect(302, '/'),
      },
    );
    expect([requests.length, verdict.failure]).toEqual([1, null]);
  });
  it('lead nowhere but to http and https', async () => {
    const { verdict } = await probe('{}', 'http://a/', {
      'http://a/': redirect(302, 'file:///etc/passwd'),
    });
    expect(verdict.failure?.code).toBe('redirect');
  });
});

describe('an http module', () => {
  it.each([
    ['{fail_if_body_json_matches_cel: x}', /no CEL; accepted is fail_if_body_json_matches/],
    ['{compression: zip}', /"gzip"\|"br"/],
    ['{fail_if_body_json_matches: [{pointer: a, regexp: x}]}', /not a JSON pointer/],
    ['{fail_if_body_matches_regexp: ["("]}', /fail_if_body_matches_regexp\[0\]/],
    ['{fail_if_ssl: true, fail_if_not_ssl: true}', /cannot be true together/],
    ['{nosuch: 1}', /unknown key "nosuch"; accepted are .*valid_status_codes/],
    ['{headers: {"a b": c}}', /not a valid header name/],
    ['{headers: {a: "b\\r\\nc: d"}}', /not a valid header value/],
    ['{valid_status_codes: [2000]}', /valid_status_codes\[0\]/],
  ])('refuses %s', (yaml, expected) => {
    expect(() => moduleOf(yaml)).toThrow(expected);
  });
});
