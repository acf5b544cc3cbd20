import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { isStaleMarker } from '#libs/samples';
import { parseYamlConfig } from '#libs/yaml-config';
import {
  judgeTcp,
  observeTcp,
  parseTcpTarget,
  ProbeFailureError,
  ProbeSeries,
  tcpModuleSchema,
  type TlsObservation,
} from './index.ts';

const TLS: TlsObservation = { version: 'TLS 1.2', cipher: 'c', chain: [], isVerified: false };

/** Talks to a peer that says `lines`; then it ends, or lets the probe's time run out where the last line is `...`. */
async function converse(yaml: string, lines: readonly string[]) {
  const module = parseYamlConfig(yaml, tcpModuleSchema, { file: 'm.yml' });
  const said: string[] = [];
  let next = 0;
  const connection = {
    tls: null as TlsObservation | null,
    readLine: async () => {
      const line = lines[next++] ?? null;
      if (line === '...') throw new ProbeFailureError({ code: 'timeout', message: 'timed out' });
      return line;
    },
    write: async (text: string) => {
      said.push(text);
    },
    startTls: async () => {
      said.push('<tls>');
      connection.tls = TLS;
      return TLS;
    },
    close: () => {
      said.push('<close>');
    },
  };
  const observation = await observeTcp(
    module,
    'mail.example:25',
    {
      connect: async () => ({
        address: { ip: '::1', family: 6 },
        resolveSeconds: 0.25,
        connection,
        failure: null,
      }),
    },
    { signal: new AbortController().signal },
  );
  const { failure, metrics } = judgeTcp(observation, 1);
  return {
    said,
    failure,
    metrics: metrics.map(({ labels, value }) => `${labels.toString()} ${value}`),
  };
}

const SMTP = `
query_response:
  - expect: '^220 (\\S+) .*ESMTP'
    send: 'EHLO \${1}'
    labels: [{name: host, value: '\${1}'}]
  - expect: '^250 STARTTLS'
  - send: STARTTLS
  - expect: '^220'
    starttls: true
`;

describe('the TCP prober', () => {
  it('has the conversation of its module and turns to TLS', async () => {
    const peer = ['220 mx.example ready ESMTP', '250-mx', '250 STARTTLS', '220 go'];
    const { said, failure, metrics } = await converse(SMTP, peer);
    expect(said).toEqual(['EHLO mx.example\n', 'STARTTLS\n', '<tls>', '<close>']);
    expect(failure).toBeNull();
    expect(metrics).toEqual([
      'probe_dns_lookup_time_seconds 0.25',
      'probe_ip_protocol 6',
      expect.stringMatching(/^probe_ip_addr_hash \d+$/),
      'probe_failed_due_to_regex 0',
      'probe_expect_info{host="mx.example"} 1',
      'probe_tls_version_info{version="TLS 1.2"} 1',
      'probe_tls_cipher_info{cipher="c"} 1',
      'probe_success 1',
      'probe_duration_seconds 1',
    ]);
  });
  it.each([
    ['ends', ['220 mx.example ready ESMTP', '250 no'], 'response', 1],
    ['says nothing more', ['220 mx.example ready ESMTP', '...'], 'timeout', 0],
  ])('fails when the peer %s before the expected line', async (_name, peer, code, isRegex) => {
    const { said, failure, metrics } = await converse(SMTP, peer);
    expect(failure?.code).toBe(code);
    expect(said.at(-1)).toBe('<close>');
    expect(metrics).toContain(`probe_failed_due_to_regex ${isRegex}`);
    expect(metrics).toContain('probe_success 0');
  });
  it('needs no conversation', async () => {
    expect((await converse('{}', [])).failure).toBeNull();
  });
  it.each([
    ['h:25', { host: 'h', port: 25 }],
    ['[::1]:25', { host: '::1', port: 25 }],
    ['tcp://h:25', { host: 'h', port: 25 }],
    ['h', null],
    ['h:0', null],
    ['h:70000', null],
    ['u@h:1', null],
    ['::1:25', null],
  ])('reads the target %j', (target, expected) => {
    expect(parseTcpTarget(target)).toEqual(expected);
  });
});

const verdict = (...names: readonly string[]) => ({
  failure: null,
  metrics: names.map((name) => ({ labels: Labels.fromRecord({ __name__: name }), value: 1 })),
});

describe('ProbeSeries', () => {
  it('ends what a verdict no longer has, and in the end everything', () => {
    const series = new ProbeSeries(Labels.fromRecord({ job: 'j' }));
    series.accept(verdict('probe_success', 'probe_ssl'), 1_000);
    const second = series.accept(verdict('probe_success'), 2_000);
    expect(second.labels.map(String)).toEqual(['probe_success{job="j"}', 'probe_ssl{job="j"}']);
    expect([0, 1].map((i) => isStaleMarker(second.values, i))).toEqual([false, true]);
    const last = series.stop(2_000);
    expect([last.sampleCount, last.timesMs[0], isStaleMarker(last.values, 0)]).toEqual([
      1,
      2_001,
      true,
    ]);
    expect(series.stop(3_000).sampleCount).toBe(0);
  });
});
