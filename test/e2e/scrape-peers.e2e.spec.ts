import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  buildTargets,
  resolveScrapeConfigs,
  type ScrapeConfig,
  scrapeConfigsSchema,
} from '#libs/discovery';
import { Labels } from '#libs/labels';
import { TargetScraper } from '#libs/scrape';
import { TargetFetcher } from '../../apps/collector/src/scrape/target-fetcher.ts';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  type RunningProcess,
  startProcess,
  temporaryFolder,
  untilPasses,
} from '../support/processes.ts';

/** What both are told to scrape: a relabelled job with everything a job can do to a series. */
const JOB = (target: string) => ({
  job_name: 'node',
  scrape_interval: '5s',
  scrape_timeout: '5s',
  static_configs: [{ targets: [target], labels: { zone: 'a', device: 'mine' } }],
  relabel_configs: [{ target_label: 'instance', replacement: 'machine' }],
  metric_relabel_configs: [
    { source_labels: ['__name__'], regex: 'node_(cpu|network)_.*', action: 'drop' },
    // Prometheus 2 leaves quantile="0" as it is; 3 makes it 0.0.
    { source_labels: ['__name__'], regex: 'go_gc_duration_seconds', action: 'drop' },
    { regex: '(fstype)', replacement: 'file_system_$1', action: 'labelmap' },
  ],
});

describeWithPeers(
  'a scrape of a real node exporter, beside a real Prometheus',
  ['prometheus-node-exporter', 'prometheus'],
  ([nodeExporter, prometheus]) => {
    const running: RunningProcess[] = [];
    let removeFolder: () => Promise<unknown>;
    let target: string;
    let prometheusUrl: string;

    beforeAll(async () => {
      const folder = await temporaryFolder();
      removeFolder = folder.remove;
      target = `127.0.0.1:${await freePort()}`;
      const collectors = ['cpu', 'meminfo', 'loadavg', 'filesystem', 'netdev', 'uname', 'stat'];
      running.push(
        startProcess(nodeExporter!, [
          `--web.listen-address=${target}`,
          '--collector.disable-defaults',
          ...collectors.map((name) => `--collector.${name}`),
        ]),
      );
      await eventually('the node exporter', () => getText(`http://${target}/metrics`));
      const address = `127.0.0.1:${await freePort()}`;
      const config = join(folder.path, 'prometheus.yml');
      // JSON is YAML.
      await writeFile(config, JSON.stringify({ scrape_configs: [JOB(target)] }));
      running.push(
        startProcess(prometheus!, [
          `--config.file=${config}`,
          `--storage.tsdb.path=${join(folder.path, 'data')}`,
          `--web.listen-address=${address}`,
        ]),
      );
      prometheusUrl = `http://${address}`;
    });

    afterAll(async () => {
      for (const one of running) await one.stop();
      await removeFolder();
    });

    it('brings the same series', async () => {
      // The two look at the machine at different times, and file systems of others may come and go in between.
      await untilPasses(async () => {
        const theirs = await seriesOf(prometheusUrl);
        const ours = await scrape(target);
        expect([...theirs].filter((name) => !ours.has(name))).toEqual([]);
        expect([...ours].filter((name) => !theirs.has(name))).toEqual([]);
        expect(ours.size).toBeGreaterThan(50);
      });
    });
  },
);

/** The series of its last scrape. */
async function seriesOf(url: string): Promise<Set<string>> {
  const query = new URLSearchParams({ query: '{job="node"}' });
  const answer = JSON.parse(
    (await getText(`${url}/api/v1/query?${query.toString()}`)) ?? '{"data":{"result":[]}}',
  ) as {
    data: { result: { metric: Record<string, string> }[] };
  };
  return new Set(answer.data.result.map(({ metric }) => Labels.fromRecord(metric).toString()));
}

async function scrape(target: string): Promise<Set<string>> {
  const [config] = resolveScrapeConfigs(scrapeConfigsSchema.parse([JOB(target)])).configs;
  const [found] = buildTargets(config!, config!.staticGroups).targets;
  const fetcher = new TargetFetcher({
    guard: { kubelet: null },
    config: config as ScrapeConfig,
    baseDir: '.',
    userAgent: 'Binnacle/0',
    nowMs: Date.now,
  });
  const scraper = new TargetScraper({
    targetLabels: found!.labels,
    timeoutMs: found!.timeoutMs,
    rules: config!,
  });
  const outcome = await fetcher.fetch(found!, new AbortController().signal);
  await fetcher.close();
  const { batch, error } = scraper.accept(outcome, Date.now());
  expect(error).toBe('');
  return new Set(batch.labels.map(String));
}
