import { describe, expect, it } from '@jest/globals';
import { ConfigTextError, parseYamlConfig } from '#libs/yaml-config';
import { z } from 'zod';
import { resolveScrapeConfigs, scrapeConfigsSchema, scrapeGlobalSchema } from './index.ts';

const schema = z.strictObject({
  global: scrapeGlobalSchema.prefault({}),
  scrape_configs: scrapeConfigsSchema,
});

function resolve(yaml: string) {
  const parsed = parseYamlConfig(yaml, schema, { file: 's.yml' });
  return resolveScrapeConfigs(parsed.scrape_configs, parsed.global);
}

function complaint(yaml: string): string {
  try {
    resolve(yaml);
  } catch (error) {
    if (error instanceof ConfigTextError) return error.message;
    throw error;
  }
  return 'accepted';
}

const job = (more: string) => `scrape_configs:\n  - job_name: j\n    ${more}\n`;

describe('scrape_configs', () => {
  it("fills in Prometheus's defaults and our limits", () => {
    const [config] = resolve(
      job('static_configs: [{targets: ["h:1"], labels: {v: 1.10}}]'),
    ).configs;
    expect(config).toMatchObject({
      jobName: 'j',
      intervalMs: 60_000,
      timeoutMs: 10_000,
      scheme: 'http',
      metricsPath: '/metrics',
      honorsLabels: false,
      honorsTimestamps: true,
      limits: { bodyBytes: 32 * 1024 * 1024, samples: 50_000, labels: 64 },
      http: { auth: { kind: 'none' }, followsRedirects: true },
    });
    expect(config?.staticGroups[0]?.labels.get('v')).toBe('1.10');
  });
  it('lets global decide what a job leaves open, and takes 0 for no limit', () => {
    const yaml = `global: {scrape_interval: 5s, sample_limit: 7, body_size_limit: 1MB}\n${job('sample_limit: 0')}`;
    const [config] = resolve(yaml).configs;
    expect(config).toMatchObject({
      intervalMs: 5_000,
      timeoutMs: 5_000,
      limits: { samples: Number.POSITIVE_INFINITY, bodyBytes: 1024 * 1024 },
    });
  });
  it('asks for protobuf first where native histograms are wanted, unless told what to ask for', () => {
    const yaml = `global: {scrape_native_histograms: true}
scrape_configs:
  - job_name: a
  - {job_name: b, scrape_native_histograms: false, convert_classic_histograms_to_nhcb: true}
  - {job_name: c, scrape_protocols: [PrometheusText0.0.4], native_histogram_bucket_limit: 160}
  - {job_name: d, native_histogram_min_bucket_factor: 1.1}
`;
    const [a, b, c, d] = resolve(yaml).configs;
    expect(a?.protocols[0]).toBe('PrometheusProto');
    expect(a?.histograms).toEqual({
      readsNative: true,
      keepsClassic: false,
      convertsClassic: false,
      maxSchema: 8,
    });
    expect(b?.protocols[0]).toBe('OpenMetricsText1.0.0');
    expect(b?.histograms.convertsClassic).toBe(true);
    expect(c?.protocols).toEqual(['PrometheusText0.0.4']);
    expect(c?.limits.histogramBuckets).toBe(160);
    // 2^(2^-2) is 1.19, 2^(2^-3) only 1.09.
    expect(d?.histograms.maxSchema).toBe(2);
  });
  it('says which job has a timeout over its interval', () => {
    expect(resolve(job('scrape_interval: 5s\n    scrape_timeout: 6s')).problems).toEqual([
      { path: [0, 'scrape_timeout'], message: 'must not be greater than the scrape interval' },
    ]);
  });
  it.each([
    [
      'consul_sd_configs: []',
      /^s\.yml:3: scrape_configs\[0\]\.consul_sd_configs: this version discovers no targets by consul_sd_configs; accepted are static_configs, kubernetes_sd_configs, file_sd_configs, http_sd_configs$/,
    ],
    ['oauth2: {}', /^s\.yml:3: .*OAuth 2.*accepted are authorization and basic_auth/],
    ['nosuch: 1', /^s\.yml:3: .*unknown key "nosuch"; accepted are .*authorization, basic_auth/],
    ['scrape_protocols: [Prometheus]', /unknown; accepted are PrometheusProto, OpenMetricsText1/],
    ['scrape_interval: 15', /expected numbers with units/],
    ['scrape_interval: 15x', /not a valid duration/],
    ['body_size_limit: 10', /not a valid size/],
    ['static_configs: [{targets: ["http://h:1"]}]', /targets\[0\]: not a valid host and port/],
    ['static_configs: [{targets: [h], url: x}]', /unknown key "url"/],
    ['basic_auth: {username: u}\n    bearer_token: t', /at most one of basic_auth, bearer_token/],
    ['authorization: {type: Basic}', /use basic_auth/],
    ['tls_config: {cert_file: c}', /client cert also needs key/],
    ['scheme: ftp', /"http"\|"https"/],
    ['http_headers: {Authorization: {values: [x]}}', /this header cannot be set/],
  ])('refuses %s', (more, expected) => {
    expect(complaint(job(more))).toMatch(expected);
  });
  it('refuses a job name given twice', () => {
    const yaml = 'scrape_configs:\n  - job_name: a\n  - job_name: a\n';
    expect(complaint(yaml)).toMatch(/^s\.yml:3: scrape_configs\[1\]\.job_name: another job/);
  });
  it('shows no secret in what it resolved', () => {
    const [config] = resolve(job('basic_auth: {username: u, password: 12345}')).configs;
    expect(JSON.stringify(config)).not.toContain('12345');
    const { auth } = config!.http;
    expect(
      auth.kind === 'basic' && auth.password?.kind === 'value' && auth.password.secret.reveal(),
    ).toBe('12345');
  });
});
