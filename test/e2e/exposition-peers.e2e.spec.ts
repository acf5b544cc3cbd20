import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import {
  acceptHeader,
  createExpositionParser,
  DEFAULT_SCRAPE_PROTOCOLS,
  ExpositionWriter,
  NATIVE_SCRAPE_PROTOCOLS,
  type ScrapeProtocol,
  selectFormat,
} from '#libs/exposition';
import { Labels } from '#libs/labels';
import { describeWithPeerFiles, describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

interface Peer {
  readonly name: string;
  readonly args: (port: number, folder: string) => readonly string[];
  readonly prepare?: (folder: string) => Promise<void>;
}

const PEERS: readonly Peer[] = [
  {
    name: 'prometheus',
    args: (port, folder) => [
      `--web.listen-address=127.0.0.1:${port}`,
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
    ],
    prepare: (folder) => writeFile(join(folder, 'prometheus.yml'), '{}\n'),
  },
  {
    name: 'prometheus-alertmanager',
    args: (port, folder) => [
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      `--config.file=${join(folder, 'alertmanager.yml')}`,
      `--storage.path=${join(folder, 'data')}`,
    ],
    prepare: (folder) =>
      writeFile(
        join(folder, 'alertmanager.yml'),
        '{route: {receiver: none}, receivers: [{name: none}]}\n',
      ),
  },
  { name: 'prometheus-node-exporter', args: (port) => [`--web.listen-address=127.0.0.1:${port}`] },
  {
    name: 'etcd',
    args: (port, folder) => [
      `--data-dir=${join(folder, 'data')}`,
      `--listen-client-urls=http://127.0.0.1:${port}`,
      `--advertise-client-urls=http://127.0.0.1:${port}`,
      '--listen-peer-urls=http://127.0.0.1:0',
    ],
  },
];

for (const peer of PEERS) {
  // In a mount namespace, since Alertmanager wants its files below /usr/share.
  describeWithPeerFiles(`a protobuf body of ${peer.name}`, peer.name, ([command, ...args]) => {
    it('has the series of its text, with the types and helps', async () => {
      const folder = await temporaryFolder();
      await peer.prepare?.(folder.path);
      const port = await freePort();
      const running = startProcess(command, [...args, ...peer.args(port, folder.path)]);
      try {
        const url = `http://127.0.0.1:${port}/metrics`;
        await eventually(`${peer.name} to answer`, () => getText(url));
        // What it counts of its own scrapes appears with the first; from then on the names stay.
        await eventually('the same names twice', async () => {
          const before = await ask(url, DEFAULT_SCRAPE_PROTOCOLS);
          const binary = await ask(url, NATIVE_SCRAPE_PROTOCOLS);
          const after = await ask(url, DEFAULT_SCRAPE_PROTOCOLS);
          if (before.entries.join('\n') !== after.entries.join('\n')) return null;
          expect([before.format, binary.format]).toEqual(['text', 'protobuf']);
          expect(binary.entries).toEqual(after.entries);
          expect(binary.entries.length).toBeGreaterThan(100);
          return true;
        });
      } finally {
        await running.stop();
        await folder.remove();
      }
    });
  });
}

/** What it answers a scraper that asks for these protocols: the series and the metadata, without values. */
async function ask(
  url: string,
  protocols: readonly ScrapeProtocol[],
): Promise<{ readonly format: string; readonly entries: readonly string[] }> {
  const response = await fetch(url, { headers: { Accept: acceptHeader(protocols) } });
  const body = Buffer.from(await response.arrayBuffer());
  const { format } = selectFormat(response.headers.get('content-type') ?? '', null);
  const parser = createExpositionParser(format, body);
  const entries: string[] = [];
  for (let kind = parser.next(); kind !== null; kind = parser.next()) {
    if (kind === 'series') entries.push(parser.labels().toString());
    else if (kind === 'type') entries.push(`${parser.metricFamily()} ${parser.metricType}`);
    else if (kind === 'help') entries.push(`${parser.metricFamily()}: ${parser.text()}`);
  }
  return { format, entries: entries.toSorted() };
}

describeWithPeers('metrics bodies', ['promtool'], ([promtool]) => {
  it('as we write them are what promtool wants', async () => {
    const writer = new ExpositionWriter('text');
    writer.help('binnacle_written_total', 'Things written,\nwith a \\ in the help.');
    writer.type('binnacle_written_total', 'counter');
    const labels = { __name__: 'binnacle_written_total', text: 'a "quoted"\nline', path: 'C:\\x' };
    writer.series(Labels.fromRecord(labels), 1_234_567.5);
    writer.help('binnacle_wait_seconds', 'Waits.');
    writer.type('binnacle_wait_seconds', 'histogram');
    for (const le of ['0.5', '+Inf']) {
      writer.series(Labels.fromRecord({ __name__: 'binnacle_wait_seconds_bucket', le }), 3);
    }
    writer.series(Labels.fromRecord({ __name__: 'binnacle_wait_seconds_sum' }), 1e-7);
    writer.series(Labels.fromRecord({ __name__: 'binnacle_wait_seconds_count' }), 3);
    const complaints = await new Promise<string>((resolve, reject) => {
      const child = execFile(promtool!, ['check', 'metrics'], (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error);
        else resolve(stdout + stderr);
      });
      child.stdin!.end(writer.take());
    });
    expect(complaints).toBe('');
  });
});
