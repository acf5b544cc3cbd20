import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { parseYamlConfig } from '#libs/yaml-config';
import * as fc from 'fast-check';
import { z } from 'zod';
import {
  buildTargets,
  resolveScrapeConfigs,
  scrapeConfigsSchema,
  type TargetSet,
} from './index.ts';

const schema = z.strictObject({ scrape_configs: scrapeConfigsSchema });

function targetsOf(more: string): TargetSet {
  const yaml = `scrape_configs:\n  - job_name: j\n${more.replaceAll(/^/gm, '    ')}\n`;
  const parsed = parseYamlConfig(yaml, schema, { file: 's.yml' });
  const [config] = resolveScrapeConfigs(parsed.scrape_configs).configs;
  return buildTargets(config!, config!.staticGroups);
}

describe('buildTargets', () => {
  it('names job and instance and keeps what was discovered', () => {
    const { targets } = targetsOf('static_configs: [{targets: ["h:1"], labels: {zone: a}}]');
    expect(targets.map(({ url, labels }) => [url, labels.toString()])).toEqual([
      ['http://h:1/metrics', '{instance="h:1", job="j", zone="a"}'],
    ]);
    expect(targets[0]?.discoveredLabels.toRecord()).toEqual({
      __address__: 'h:1',
      __metrics_path__: '/metrics',
      __scheme__: 'http',
      __scrape_interval__: '1m',
      __scrape_timeout__: '10s',
      job: 'j',
      zone: 'a',
    });
  });
  it('adds no default port, as since Prometheus 3', () => {
    const { targets } = targetsOf('scheme: https\nstatic_configs: [{targets: [example.com]}]');
    expect(targets[0]?.url).toBe('https://example.com/metrics');
    expect(targets[0]?.labels.get('instance')).toBe('example.com');
  });
  it('lets relabelling decide address, path, scheme, parameters and interval', () => {
    const { targets } = targetsOf(`
params: {module: [a, b]}
static_configs: [{targets: ["h:1"]}]
relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {target_label: __address__, replacement: "p:2"}
  - {target_label: __metrics_path__, replacement: "probe me?"}
  - {target_label: __param_module, replacement: "x y&"}
  - {target_label: __scrape_interval__, replacement: 20s}`);
    expect(targets[0]).toMatchObject({
      url: 'http://p:2/probe%20me%3F?module=x+y%26&module=b&target=h%3A1',
      intervalMs: 20_000,
    });
    expect(targets[0]?.labels.get('instance')).toBe('p:2');
  });
  it('remembers what relabelling dropped, up to keep_dropped_targets', () => {
    const set = targetsOf(`
keep_dropped_targets: 1
static_configs: [{targets: [a, b, c]}]
relabel_configs: [{source_labels: [__address__], regex: "b|c", action: drop}]`);
    expect(set.targets).toHaveLength(1);
    expect(set.dropped.map(({ discoveredLabels }) => discoveredLabels.get('__address__'))).toEqual([
      'b',
    ]);
    expect(set.droppedCount).toBe(2);
  });
  it('takes targets that come out alike for one', () => {
    expect(targetsOf('static_configs: [{targets: [a, a]}, {targets: [a]}]').targets).toHaveLength(
      1,
    );
  });
  it('fails the job that has more targets than target_limit', () => {
    const { failure } = targetsOf('target_limit: 1\nstatic_configs: [{targets: [a, b]}]');
    expect(failure).toBe('target_limit exceeded (number of targets: 2, limit: 1)');
  });
  it.each([
    ['__address__', 'user:pass@h', /not a valid hostname/],
    ['__address__', 'h?x=', /not a valid hostname/],
    ['__address__', 'h:99999999', /not a valid hostname/],
    ['__address__', '', /no address/],
    ['__scheme__', 'file', /invalid scheme/],
    ['__scrape_interval__', '0s', /scrape interval cannot be 0/],
    ['__scrape_interval__', 'x', /error parsing scrape interval/],
    ['__scrape_timeout__', '2m', /cannot be greater than scrape interval \("2m" > "1m"\)/],
  ])('refuses a target whose %s becomes %j', (name, value, expected) => {
    const set = targetsOf(`
static_configs: [{targets: [a]}]
relabel_configs: [{target_label: ${name}, replacement: "${value}"}]`);
    expect(set.targets).toEqual([]);
    expect(set.invalid[0]?.reason).toMatch(expected);
  });
  it('lets an address say nothing but host and port', () => {
    const [config] = resolveScrapeConfigs(
      scrapeConfigsSchema.parse([{ job_name: 'j', basic_auth: { username: 'u' } }]),
    ).configs;
    const address = fc.oneof(
      fc.string({ minLength: 1, unit: 'binary' }),
      fc.string({
        minLength: 1,
        unit: fc.constantFrom('a', '.', ':', '1', '[', ']', '@', '/', '?', '#', '%'),
      }),
    );
    const isHarmless = fc.property(address, (text) => {
      const labels = Labels.fromPairs([['__address__', text]]);
      const [target] = buildTargets(config!, [
        { source: '', targets: [labels], labels: Labels.EMPTY },
      ]).targets;
      if (target === undefined) return true;
      const url = new URL(target.url);
      return url.username === '' && url.pathname === '/metrics' && url.search + url.hash === '';
    });
    expect(() => fc.assert(isHarmless, { numRuns: 1_000 })).not.toThrow();
  });
});
