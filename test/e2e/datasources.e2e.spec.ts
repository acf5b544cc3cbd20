import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  startProcess,
  temporaryFolder,
  untilPasses,
} from '../support/processes.ts';

const RULES = `
groups:
- name: over-there
  interval: 1s
  rules:
  - record: there:build
    expr: count by (version) (prometheus_build_info)
  - alert: Running
    expr: prometheus_build_info == 1
    annotations: {summary: 'revision {{ $labels.revision }}, head {{ with query "prometheus_tsdb_head_series" }}{{ . | first | value }}{{ end }}'}
  - alert: Refused
    expr: prometheus_build_info + on () group_left () {__name__=~"prometheus_tsdb_head_.+"}
`;

interface RuleJson {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

async function queryResult(url: string, query: string): Promise<unknown[]> {
  const text = await getText(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
  if (text === null) return [];
  return (JSON.parse(text) as { data: { result: unknown[] } }).data.result;
}

function seriesOf(url: string, query: string): Promise<unknown[]> {
  return eventually(`${query} at ${url}`, async () => {
    const result = await queryResult(url, query);
    return result.length > 0 ? result : null;
  });
}

describeWithPeers('rules over a real Prometheus', ['prometheus'], ([prometheus]) => {
  const cleanups: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  /** A Prometheus that scrapes itself. @returns its URL once it has data */
  async function startPrometheus(): Promise<string> {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const port = await freePort();
    const config = join(folder.path, 'prometheus.yml');
    await writeFile(
      config,
      `scrape_configs: [{job_name: self, scrape_interval: 1s, static_configs: [{targets: ["127.0.0.1:${port}"]}]}]`,
    );
    const running = startProcess(prometheus!, [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
    ]);
    cleanups.push(() => running.stop());
    const url = `http://127.0.0.1:${port}`;
    await eventually('Prometheus to have data', async () => {
      const text = await getText(`${url}/api/v1/query?query=prometheus_build_info`);
      return text?.includes('"revision"') === true ? true : null;
    });
    return url;
  }

  /** @returns the engine's URL, and a way to give it another configuration */
  async function startEngine(
    config: string,
  ): Promise<{ url: string; configure: (text: string) => Promise<void> }> {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const configFile = join(folder.path, 'engine.yml');
    await writeFile(configFile, config);
    await writeFile(join(folder.path, 'there.yml'), RULES);
    const address = { host: '127.0.0.1', port: 0 };
    const logger = AppLogger.create({ app: 'alert-engine', level: 'silent' });
    const dataDir = join(folder.path, 'data');
    const app = await createApp(
      { configFile, dataDir, listen: address, logLevel: 'silent' },
      {},
      logger,
    );
    cleanups.push(() => app.close());
    const { port } = await listen(app, address);
    const url = `http://127.0.0.1:${port}`;
    const configure = async (text: string): Promise<void> => {
      await writeFile(configFile, text);
      const response = await fetch(`${url}/-/reload`, { method: 'POST' });
      expect([response.status, await response.text()]).toEqual([200, expect.anything()]);
    };
    return { url, configure };
  }

  it('fire here, and record here or there', async () => {
    const peer = await startPrometheus();
    const datasource = `{name: peer, url: "${peer}", rule_files: [there.yml]}`;
    const engine = await startEngine(`datasources: [${datasource}]`);
    const alerts = await eventually('the alert to fire', async () => {
      const text = (await getText(`${engine.url}/api/v1/alerts`)) ?? '';
      return text.includes('"state":"firing"') ? text : null;
    });
    expect(alerts).toMatch(/"alertname":"Running"/);
    expect(alerts).toMatch(/"summary":"revision \S*, head [0-9]+"/);
    const [recorded] = await seriesOf(engine.url, 'there:build');
    expect(recorded).toMatchObject({
      metric: { __name__: 'there:build', version: expect.any(String) },
      value: [expect.any(Number), '1'],
    });
    await seriesOf(engine.url, 'ALERTS{alertname="Running"}');
    expect(await queryResult(peer, 'there:build')).toEqual([]);
    // It comes after the alert, and is another question to the source.
    await untilPasses(async () => {
      const rules = (await getText(`${engine.url}/api/v1/rules?type=alert`)) ?? '';
      const { groups } = (JSON.parse(rules) as { data: { groups: { rules: RuleJson[] }[] } }).data;
      expect(groups[0]!.rules.find(({ name }) => name === 'Refused')).toMatchObject({
        health: 'err',
        lastError: expect.stringMatching(/^the datasource answers execution: .*many/),
      });
    });

    const back = datasource.replace('}', `, remote_write: {url: "${peer}/api/v1/write"}}`);
    await engine.configure(`datasources: [${back}]`);
    await seriesOf(peer, 'there:build');
    await seriesOf(peer, 'ALERTS{alertname="Running"}');
    const metrics = (await getText(`${engine.url}/metrics`)) ?? '';
    expect(metrics).toMatch(
      /^binnacle_datasource_queries_total\{datasource="peer",outcome="success"\} [1-9]/m,
    );
  });
  it('keep their alerts while it cannot be reached, and say so', async () => {
    const port = await freePort();
    const engine = await startEngine(
      `datasources: [{name: nobody, url: "http://127.0.0.1:${port}", rule_files: [there.yml]}]`,
    );
    const error = await eventually('the rule to fail', async () => {
      const text = (await getText(`${engine.url}/api/v1/rules`)) ?? '';
      return text.includes('"lastError"') ? text : null;
    });
    expect(error).toContain(String.raw`"lastError":"datasource \"nobody\": connection refused"`);
  });
  it('are refused where a file is for two sources', async () => {
    const text = `rule_files: [there.yml]
datasources: [{name: a, url: "http://127.0.0.1:1", rule_files: ["*.yml"]}]`;
    await expect(startEngine(text.replace('"*.yml"', 'there.yml'))).rejects.toThrow(
      /there\.yml is listed twice/,
    );
  });
});
