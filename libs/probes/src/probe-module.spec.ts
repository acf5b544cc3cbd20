import { describe, expect, it } from '@jest/globals';
import { parseYamlConfig } from '#libs/yaml-config';
import { holdsCredentials } from './credentials.ts';
import { matchesJson, parseJson } from './json-condition.ts';
import { DEFAULT_PROBE_MODULES, probeModulesSchema, targetComplaint } from './probe-module.ts';
import { SearchPattern } from './search-pattern.ts';

const read = (yaml: string) => parseYamlConfig(yaml, probeModulesSchema, { file: 'm.yml' });

function isTaken(name: string, target: string): boolean {
  return targetComplaint(DEFAULT_PROBE_MODULES.get(name)!.module, target) === null;
}

describe('modules by name', () => {
  it('are read as blackbox_exporter’s file has them', () => {
    const modules = read(`
http_2xx: {prober: http, timeout: 5s, http: {valid_http_versions: [HTTP/1.1], method: GET}}
ssh: {prober: tcp, tcp: {query_response: [{expect: "^SSH-2.0-"}, {send: "SSH-2.0-check"}]}}
icmp_ttl5: {prober: icmp, timeout: 5s, icmp: {ttl: 5}}
grpc: {prober: grpc, grpc: {tls: true, preferred_ip_protocol: ip4}}
soa: {prober: dns, dns: {query_name: example.com, query_type: SOA, valid_rcodes: [NOERROR, NXDOMAIN]}}
`);
    expect([...modules.keys()]).toEqual(['http_2xx', 'ssh', 'icmp_ttl5', 'grpc', 'soa']);
    expect(modules.get('icmp_ttl5')).toMatchObject({
      timeoutMs: 5_000,
      module: { kind: 'icmp', icmp: { ttl: 5, payloadBytes: 28 } },
    });
    expect(modules.get('soa')?.module).toMatchObject({
      dns: { queryType: 6, queryClass: 1, validRcodes: ['NOERROR', 'NXDOMAIN'], protocol: 'udp' },
    });
  });

  it.each([
    ['a: {prober: unix}', /m\.yml:1: a\.prober/],
    ['a: {prober: http, https: {}}', /unknown key "https"; accepted are dns, grpc, http/],
    ['a: {prober: dns}', /needs dns\.query_name/],
    ['a: {prober: dns, dns: {query_name: a..b}}', /a\.dns\.query_name: .*label/],
    ['a: {prober: dns, dns: {query_name: a, query_type: B}}', /unknown type; accepted are A, NS/],
    ['a: {prober: dns, dns: {query_name: a, valid_rcodes: [0]}}', /a\.dns\.valid_rcodes\[0\]/],
    ['a: {prober: dns, dns: {query_name: a, dns_over_tls: true}}', /must be tcp with dns_over_tls/],
    [
      'a: {prober: dns, dns: {query_name: a, validate_answer_rrs: {fail_if_matches_regexp: ["("]}}}',
      /fail_if_matches_regexp\[0\]/,
    ],
    ['a: {prober: tcp, tcp: {source_ip_address: here}}', /not an IP address/],
    ['a: {prober: icmp, icmp: {ttl: 256}}', /a\.icmp\.ttl/],
    ['a: {prober: http, http: {proxy_url: "http://p"}}', /does not probe through a proxy/],
  ])('refuses %s', (yaml, expected) => {
    expect(() => read(yaml)).toThrow(expected);
  });

  it('know which targets they can take', () => {
    expect(isTaken('http_2xx', 'example.com/x')).toBe(true);
    expect(isTaken('http_2xx', 'http://u:p@example.com')).toBe(false);
    expect(isTaken('tcp_connect', '[::1]:25')).toBe(true);
    expect(isTaken('tcp_connect', 'mail')).toBe(false);
    expect(isTaken('grpc_plain', 'shop:9000')).toBe(true);
    expect(isTaken('grpc_plain', 'a b')).toBe(false);
    expect(isTaken('icmp', 'fd00::1')).toBe(true);
    expect(isTaken('icmp', '-f')).toBe(false);
    expect(isTaken('icmp', 'a b')).toBe(false);
  });

  it('tell whether they may say something secret', () => {
    const secrets = read(`
a: {prober: http, http: {basic_auth: {username: u, password: p}}}
b: {prober: http, http: {headers: {X-Api-Key: k}}}
c: {prober: http, http: {method: POST, body: "password=x"}}
d: {prober: http, http: {bearer_token_file: /token}}
e: {prober: grpc, grpc: {tls: true, tls_config: {cert_file: c, key_file: k}}}
`);
    for (const { module } of secrets.values()) expect(holdsCredentials(module)).toBe(true);
    for (const { module } of DEFAULT_PROBE_MODULES.values()) {
      expect(holdsCredentials(module)).toBe(false);
    }
    const open = read('a: {prober: http, http: {headers: {Accept-Language: de}}}');
    expect(holdsCredentials(open.get('a')!.module)).toBe(false);
  });
});

describe('a condition on a JSON body', () => {
  const BODY = parseJson(Buffer.from('{"db":{"state":"up","a/b":[{"n":1}],"~":null},"ok":true}'));
  const matches = (pointer: string, pattern: string) =>
    matchesJson({ pointer, pattern: new SearchPattern(pattern) }, BODY?.value);

  it('is about the value a pointer leads to, as text', () => {
    expect(matches('/db/state', '^up$')).toBe(true);
    expect(matches('/db/a~1b/0/n', '^1$')).toBe(true);
    expect(matches('/db/~0', '^null$')).toBe(true);
    expect(matches('/ok', '^true$')).toBe(true);
    expect(matches('', '"state":"up"')).toBe(true);
    expect(matches('/db/state', 'down')).toBe(false);
  });

  it('does not hold where there is no such value', () => {
    for (const pointer of ['/nothing', '/db/state/x', '/ok/x', '/__proto__', '/db/a~1b/1']) {
      expect(matches(pointer, '')).toBe(false);
    }
    expect(parseJson(Buffer.from('{'))).toBeNull();
  });
});
