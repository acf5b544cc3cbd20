import { describe, expect, it } from '@jest/globals';
import { parseYamlConfig } from '#libs/yaml-config';
import { probesConfigSchema } from './probes-config.ts';

const read = (yaml: string) => parseYamlConfig(yaml, probesConfigSchema, { file: 'p.yml' });

const probes = (yaml: string) => read(yaml).probes;

describe('the probes section', () => {
  it('fills in the defaults', () => {
    const [probe] = probes('- {name: web, module: http, target: example.com, labels: {v: 1.10}}');
    expect(probe).toMatchObject({
      name: 'web',
      targets: ['example.com'],
      intervalMs: 15_000,
      timeoutMs: 10_000,
      module: { kind: 'http', http: { method: 'GET' } },
    });
    expect(probe?.labels.get('v')).toBe('1.10');
  });
  it('takes several targets and a module of its own', () => {
    const [probe] = probes(
      '- {name: db, module: tcp, targets: ["a:1", "a:1", "[::1]:2"], interval: 1s, tcp: {tls: true}}',
    );
    expect(probe).toMatchObject({ targets: ['a:1', '[::1]:2'], timeoutMs: 1_000 });
    expect(probe?.module).toMatchObject({ kind: 'tcp', tcp: { isTls: true } });
  });
  it.each([
    ['- {name: a, module: pigeon, target: x}', /p\.yml:1: \[0\]\.module: .*http, tcp, dns, grpc/],
    ['- {name: a, module: dns, target: x}', /needs dns\.query_name/],
    ['{probs: []}', /unknown key "probs"; accepted are .*targets/],
    ['modules: {a: {prober: dns}}', /modules\.a\.prober: .*query_name/],
    [
      'modules: {a: {prober: http, http: {basic_auth: {username: u}}}}\nannotated: {modules: [a]}',
      /p\.yml:2: annotated\.modules\[0\]: .*credentials/,
    ],
    ['annotated: {modules: [b]}', /annotated\.modules\[0\]: unknown module; accepted are http_2xx/],
    ['allowed_networks: [10.0.0.0/40]', /allowed_networks\[0\]: not a network/],
    ['- {name: a, module: http}', /no target or targets/],
    ['- {name: a, module: tcp, target: x}', /\[0\]\.target: a TCP target is host:port/],
    ['- {name: a, module: http, target: "http://u:p@x"}', /must not hold a user or password/],
    ['- {name: a, module: http, target: x, tcp: {}}', /tcp: is for module: tcp/],
    [
      '- {name: a, module: http, target: x, interval: 1s, timeout: 2s}',
      /timeout: must not be greater/,
    ],
    ['- {name: a, module: http, target: x, interval: 1ms}', /at least 100ms/],
    ['- {name: a, module: http, target: x, http: {oauth2: {}}}', /http\.oauth2: .*OAuth 2/],
    [
      '- {name: a, module: http, target: x}\n- {name: a, module: http, target: y}',
      /p\.yml:2: .*another probe/,
    ],
  ])('refuses %s', (yaml, expected) => {
    expect(() => read(yaml)).toThrow(expected);
  });
});
