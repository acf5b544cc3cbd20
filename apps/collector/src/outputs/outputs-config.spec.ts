import { describe, expect, it } from '@jest/globals';
import { parseYamlConfig } from '#libs/yaml-config';
import { type OutputsConfig, outputsConfigSchema } from './outputs-config.ts';

function parse(text: string): OutputsConfig {
  return parseYamlConfig(text, outputsConfigSchema, { file: 'collector.yml' });
}

describe('the outputs section', () => {
  it('sends to the engine on this machine unless told otherwise', () => {
    const [output, ...others] = parse('').remote_write;
    expect(output).toMatchObject({
      name: 'http://127.0.0.1:9370/api/v1/write',
      message: 'io.prometheus.write.v2.Request',
      timeoutMs: 30_000,
    });
    expect(others).toEqual([]);
  });
  it('sends nowhere when the list is empty', () => {
    expect(parse('remote_write: []').remote_write).toEqual([]);
  });
  it('takes a block of Prometheus’s remote_write', () => {
    const [output] = parse(`
remote_write:
  - url: https://mimir.example.com/api/v1/push?x=1
    name: mimir
    remote_timeout: 5s
    headers: {X-Scope-OrgID: 7}
    protobuf_message: io.prometheus.write.v2.Request
    basic_auth: {username: me, password_file: secret.txt}
    write_relabel_configs: [{source_labels: [__name__], regex: go_.*, action: drop}]
    queue_config: {capacity: 50000, max_samples_per_send: 2000, batch_send_deadline: 2s, min_backoff: 30ms, max_backoff: 5s}
`).remote_write;
    expect(output).toMatchObject({
      name: 'mimir',
      timeoutMs: 5_000,
      message: 'io.prometheus.write.v2.Request',
      http: { auth: { kind: 'basic', password: { kind: 'file', path: 'secret.txt' } } },
      queue: {
        maxSamples: 50_000,
        maxSamplesPerSend: 2_000,
        batchDeadlineMs: 2_000,
        minBackoffMs: 30,
        maxBackoffMs: 5_000,
      },
    });
    expect(output?.headers[0]?.[1].reveal()).toBe('7');
  });
  it.each([
    ['- url: ftp://x', 'expected an http or https URL'],
    ['- url: http://user:hunter2@x/', 'must not hold a user or password; use basic_auth'],
    ['- {url: "http://x", follow_redirects: true}', 'redirects are never followed'],
    ['- {url: "http://x", queue_config: {max_shards: 5}}', 'raise max_samples_per_send'],
    [
      '- {url: "http://x", queue_config: {capacity: 10}}',
      'must not be less than max_samples_per_send',
    ],
    ['- {url: "http://x", headers: {Content-Type: a}}', 'set by remote write itself'],
    ['- {url: "http://x", remote_timeout: 0s}', 'must be more than 0'],
    ['- {url: "http://x"}\n  - {url: "http://x"}', 'another output has this name or URL'],
    ['- {url: "http://x", timeout: 1s}', 'accepted are authorization, basic_auth'],
    ['- {url: "http://x", metadata_config: {every: 1m}}', 'every'],
  ])('refuses %s', (block, message) => {
    const text = `remote_write:\n  ${block}\n`;
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).not.toThrow('hunter2');
  });
});

describe('an output with replicas', () => {
  const group = `remote_write:
  - name: engine
    url: https://a.example.com/api/v1/write
    replica_urls: ['https://b.example.com/api/v1/write', 'https://c.example.com/api/v1/write']
    authorization: {credentials_file: token}
`;
  it('is one for each of them, with the same credentials and settings', () => {
    const [first, second, third] = parse(group).remote_write;
    expect([first, second, third].map((output) => [output!.name, output!.url])).toEqual([
      ['engine', 'https://a.example.com/api/v1/write'],
      ['engine-2', 'https://b.example.com/api/v1/write'],
      ['engine-3', 'https://c.example.com/api/v1/write'],
    ]);
    expect({ ...second, name: first!.name, url: first!.url }).toEqual(first);
  });
  it('takes logs along to each of them', () => {
    const { engine_logs: logs } = parse(`${group}engine_logs: [{name: engine}]`);
    expect(logs.map(({ name, url, http }) => [name, url, http.auth.kind])).toEqual([
      ['engine', 'https://a.example.com/', 'header'],
      ['engine-2', 'https://b.example.com/', 'header'],
      ['engine-3', 'https://c.example.com/', 'header'],
    ]);
  });
  it('is refused where a replica is no URL, or has the name of another output', () => {
    expect(() => parse('remote_write: [{url: "http://a", replica_urls: ["ftp://b"]}]')).toThrow(
      'expected an http or https URL',
    );
    expect(() => parse('remote_write: [{url: "http://a", replica_urls: ["http://a"]}]')).toThrow(
      'another output has this name or URL',
    );
    expect(() => parse(`${group}  - {name: engine-3, url: "http://d"}`)).toThrow(
      'another output has this name or URL',
    );
  });
});

describe('an output of logs to the engine', () => {
  const samples = `remote_write:
  - name: engine
    url: https://engine.example.com/api/v1/write
    authorization: {credentials_file: token}
`;
  it('goes where the samples of the same name go, as they do', () => {
    const { engine_logs: logs, remote_write: writers } = parse(
      `${samples}engine_logs: [{name: engine}]`,
    );
    expect(logs).toMatchObject([{ kind: 'engine', url: 'https://engine.example.com/' }]);
    expect(logs[0]!.http.auth).not.toEqual({ kind: 'none' });
    expect(logs[0]!.http).toBe(writers[0]!.http);
  });
  it('goes where it says', () => {
    const { engine_logs: logs } = parse(
      `${samples}engine_logs: [{name: engine, url: 'http://other.example.com:9370'}]`,
    );
    expect(logs).toMatchObject([{ url: 'http://other.example.com:9370' }]);
    expect(logs[0]!.http).not.toEqual(parse(samples).remote_write[0]!.http);
  });
  it('needs a URL where no samples go to an engine of its name', () => {
    expect(() => parse(`${samples}engine_logs: [{name: other}]`)).toThrow(
      'expected the URL of an engine, or the name of an output in remote_write',
    );
  });
});
