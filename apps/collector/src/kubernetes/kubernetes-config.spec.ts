import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseYamlConfig } from '#libs/yaml-config';
import { kubernetesConfigSchema, kubernetesSurroundings } from './kubernetes-config.ts';

const parse = (text: string) => parseYamlConfig(text, kubernetesConfigSchema, { file: 'c.yml' });

const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: '10.0.0.1', HOST_IP: '10.1.0.1' };

describe('the section for Kubernetes', () => {
  it('is complete when it is empty, and does nothing outside of a cluster', async () => {
    const config = parse('');
    expect(config.state.resources).toContain('pods');
    expect(config.state.resources).not.toContain('leases');
    expect(await kubernetesSurroundings(config, {})).toEqual({
      endpoint: null,
      files: [],
      nodeName: null,
      namespace: 'default',
      allowedNetworks: [],
      kubelet: null,
    });
  });

  it('takes what the kubelet gives a pod', async () => {
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', NODE_NAME: 'n1', POD_NAMESPACE: 'obs' };
    const around = await kubernetesSurroundings(parse(''), env);
    expect(around).toMatchObject({
      endpoint: { url: 'https://[fd00::1]:443', http: { tls: { isVerified: true } } },
      nodeName: 'n1',
      namespace: 'obs',
    });
    expect(await kubernetesSurroundings(parse('enabled: false'), env)).toMatchObject({
      endpoint: null,
    });
  });

  it('lets the configuration win over the environment', async () => {
    const text = 'api_server: http://127.0.0.1:8001/\nnode_name: mine\nlease: {namespace: here}\n';
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', NODE_NAME: 'n1', POD_NAMESPACE: 'obs' };
    expect(await kubernetesSurroundings(parse(text), env)).toMatchObject({
      endpoint: { url: 'http://127.0.0.1:8001', http: { auth: { kind: 'none' } } },
      nodeName: 'mine',
      namespace: 'here',
    });
  });

  it('takes the kubeconfig that the environment names, as kubectl does', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'kube-config-'));
    const file = join(dir, 'config');
    const kubeconfig = {
      clusters: [{ name: 'c', cluster: { server: 'https://named:6443' } }],
      users: [{ name: 'u', user: { exec: { command: 'aws' } } }],
      contexts: ['main', 'plugin'].map((name) => ({
        name,
        context: { cluster: 'c', namespace: 'obs', ...(name === 'plugin' && { user: 'u' }) },
      })),
      'current-context': 'main',
    };
    await writeFile(file, JSON.stringify(kubeconfig));
    const env = { ...IN_CLUSTER, KUBECONFIG: `${dir}/none:${file}`, HOME: dir };
    const around = (text: string) => kubernetesSurroundings(parse(text), env);
    try {
      expect(await around('')).toMatchObject({
        endpoint: { url: 'https://named:6443' },
        files: [`${dir}/none`, file],
        namespace: 'obs',
      });
      expect(await around('api_server: https://a:6443')).toMatchObject({
        endpoint: { url: 'https://a:6443' },
        files: [],
      });
      expect(await around('enabled: false')).toMatchObject({ endpoint: null, files: [] });
      await expect(around('context: plugin')).rejects.toThrow(
        /users\[0\].user.exec: no program is run for credentials; accepted are token/,
      );
      await expect(around('context: other')).rejects.toThrow('there are: plugin, main');
      // A file in the home directory alone is not meant.
      expect(await kubernetesSurroundings(parse(''), { HOME: dir })).toMatchObject({ files: [] });
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('reads a token from its file only when it is used', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'kube-config-'));
    await writeFile(join(dir, 'token'), 'secret');
    const text = `api_server: https://a:6443\ntoken_file: ${dir}/token\n`;
    const { endpoint } = await kubernetesSurroundings(parse(text), {});
    await rm(dir, { recursive: true });
    expect(JSON.stringify(endpoint)).not.toContain('secret');
    expect(endpoint?.http.auth).toMatchObject({ kind: 'header', scheme: 'Bearer' });
  });

  it.each([
    ['api_server: 10.0.0.1:6443', 'expected a URL such as'],
    ['token_file: t', 'only of use together with api_server'],
    ['api_server: https://a\ncert_file: c', 'given together or not at all'],
    ['state: {resources: [secrets]}', 'unknown resource; accepted are pods, nodes'],
    ['state: {labels: {secrets: [a]}}', 'unknown resource; accepted are pods, nodes'],
    ['state: {interval: 10ms}', 'at least 1s is accepted'],
    ['lease: {duration: 5s, retry: 4s}', 'must not be more than a third of duration'],
    ['kubeconfig: x', 'unknown key "kubeconfig"; accepted are'],
  ])('says what would be accepted: %s', (text, expected) => {
    expect(() => parse(text)).toThrow(expected);
  });

  it.each([
    ['10.0.0.1', '10.0.0.1:10250'],
    ['https://node-1:10251/', 'node-1:10251'],
    ['fd00::1', '[fd00::1]:10250'],
    ['"[fd00::1]:1"', '[fd00::1]:1'],
  ])('takes %s for the address of a kubelet', async (written, address) => {
    const text = `api_server: https://a:6443\nkubelet: {address: ${written}}\n`;
    const { kubelet } = await kubernetesSurroundings(parse(text), { HOST_IP: '10.9.9.9' });
    expect(kubelet).toEqual({ kind: 'address', address });
  });

  it.each([
    ['in a cluster, by the address of the host', '', IN_CLUSTER, '10.1.0.1:10250'],
    ['in a cluster without an address', '', { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'unknown'],
    ['through the API server', 'kubelet: {discover_nodes: true}', IN_CLUSTER, 'nodes'],
    ['not where it is not wanted', 'kubelet: {enabled: false}', IN_CLUSTER, null],
    ['not outside of a cluster', 'api_server: https://a:6443', { HOST_IP: '10.1.0.1' }, null],
    ['not where Kubernetes is not wanted', 'enabled: false', IN_CLUSTER, null],
  ])('asks the kubelet %s', async (_when, text, env, expected) => {
    const { kubelet } = await kubernetesSurroundings(parse(text), env);
    expect(kubelet?.kind === 'address' ? kubelet.address : (kubelet?.kind ?? null)).toBe(expected);
  });

  it.each([
    ['{address: "https://a/b"}', 'expected an address such as'],
    ['{address: a, discover_nodes: true}', 'of no use together with address'],
    ['{interval: 5s}', 'must not be greater than the interval'],
    ['{cert_file: a}', 'cert_file and key_file are given together'],
    ['{endpoints: [pods]}', 'kubelet.endpoints'],
  ])('refuses %s of a kubelet', (section, message) => {
    expect(() => parse(`kubelet: ${section}\n`)).toThrow(message);
  });
});
