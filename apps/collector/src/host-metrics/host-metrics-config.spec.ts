import { hostname } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { parseYamlConfig } from '#libs/yaml-config';
import { hostMetricsConfigSchema, hostSurroundings } from './host-metrics-config.ts';

function parse(text: string) {
  return parseYamlConfig(text, hostMetricsConfigSchema, { file: 'c.yml' });
}

describe('the section for host metrics', () => {
  it('is complete when it is empty', () => {
    expect(parse('')).toEqual({
      interval: 15_000,
      job: 'node-exporter',
      disabled_collectors: [],
      build_info: false,
    });
  });

  it('takes node_exporter’s patterns as they are', () => {
    const text =
      "mount_points_exclude: '^/(dev|proc|sys)($|/)'\ndisks_exclude: '^(ram|loop)\\d+$'\n";
    expect(parse(text).disks_exclude).toBe('^(ram|loop)\\d+$');
  });

  it.each([
    ['interval: 10ms', 'at least 1s is accepted'],
    ['proc_path: host/proc', 'expected an absolute path'],
    ["disks_exclude: '('", 'not a regular expression of RE2'],
    ["disks_exclude: '(?=x)'", 'not a regular expression of RE2'],
    ['disabled_collectors: [gpu]', 'unknown collector; accepted are arp, bonding'],
    ['enable: true', 'unknown key "enable"; accepted are'],
  ])('says what would be accepted: %s', (text, expected) => {
    expect(() => parse(text)).toThrow(expected);
  });

  it('yields to nothing but itself, then to the environment, then to the machine', () => {
    const env = { BINNACLE_HOST_PROC: '/host/proc', BINNACLE_HOST_SYS: '', NODE_NAME: 'node-1' };
    expect(hostSurroundings(parse('instance: mine'), env)).toEqual({
      procPath: '/host/proc',
      sysPath: '/sys',
      rootPath: '/',
      instance: 'mine',
      nodeName: 'node-1',
    });
    expect(hostSurroundings(parse('proc_path: /p'), env)).toMatchObject({
      procPath: '/p',
      instance: 'node-1',
    });
    expect(hostSurroundings(parse(''), {}).instance).toBe(hostname());
  });
});
