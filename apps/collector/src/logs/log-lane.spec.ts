import { describe, expect, it } from '@jest/globals';
import type { LogSource, PodLogPath, PodMetadata } from '#libs/log-pipeline';
import { MemoryCheckpointStore, MemoryLogFiles } from '#libs/log-tail';
import { LogLane } from './log-lane.ts';
import { type LogFileGroup, logsConfigSchema } from './logs-config.ts';
import { PipelineFactory } from './pipeline-config.ts';

const UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const POD_FILE = `/pods/shop_web-1_${UID}/app/0.log`;
const T = '2026-03-01T08:00:00Z';
const POD: PodMetadata = {
  namespace: 'shop',
  name: 'web-1',
  uid: UID,
  node: 'n1',
  workload: 'web',
  workloadKind: 'Deployment',
  labels: new Map(),
  annotations: new Map(),
};

interface Given {
  readonly source: LogSource;
  readonly text: string;
  readonly delivered: () => void;
}

function laneOf(podWaitMs: number, hasApi = true) {
  const config = logsConfigSchema.parse({
    files: [{ name: 'g', include: ['/logs/*'], format: 'cri', from: 'beginning' }],
  });
  const pipelines = new PipelineFactory(config);
  const files = new MemoryLogFiles();
  const checkpoints = new MemoryCheckpointStore();
  const given: Given[] = [];
  const closed: LogSource[] = [];
  const known: { pod: PodMetadata | null } = { pod: null };
  const options = {
    name: 'test',
    groups: config.files,
    createPipeline: (group: LogFileGroup) => pipelines.create(group),
    files,
    checkpoints,
    scanIntervalMs: 0,
    maxInFlightBytes: 4 * 1024 * 1024,
    maxOpenFiles: 100,
    closeQuietMs: 300_000,
    pods: hasApi ? { find: (path: PodLogPath) => (path.podUid === UID ? known.pod : null) } : null,
    podFields: { labels: [], annotations: [] },
    podWaitMs,
    leader: null,
    sink: {
      wantsAll: false,
      accept(
        _group: unknown,
        source: LogSource,
        records: { count: number; text(row: number): string },
        delivered: () => void,
      ): void {
        for (let row = 0; row < records.count; row++) {
          given.push({ source, text: records.text(row), delivered });
        }
      },
      close: (_group: unknown, source: LogSource) => closed.push(source),
    },
  };
  const lane = new LogLane(options);
  const committed = (path: string) =>
    lane.status(0).find((file) => file.path === path)?.committedOffset;
  return { lane, files, given, closed, known, committed };
}

describe('the lane of an output', () => {
  it('hands lines on at once where there is no API server, with what the path tells', async () => {
    const { lane, files, given } = laneOf(60_000, false);
    await lane.start();
    files.append(POD_FILE, `${T} stdout F one\n`);
    await lane.poll(0);
    expect(given.map(({ text }) => text)).toEqual(['one']);
    expect(given[0]!.source.attributes).toMatchObject({ namespace: 'shop', pod: 'web-1' });
    expect(lane.groups.get('g')!.unenriched).toBe(0);
  });

  it('keeps the first lines of a pod until it is known, and those of others not', async () => {
    const { lane, files, given, known } = laneOf(60_000);
    await lane.start();
    files.append(POD_FILE, `${T} stdout F one\n`);
    files.append('/other.log', `${T} stdout F other\n`);
    await lane.poll(Date.now());
    files.append(POD_FILE, `${T} stdout F two\n`);
    await lane.poll(Date.now());
    expect(given.map(({ text }) => text)).toEqual(['other']);
    known.pod = POD;
    await lane.poll(Date.now());
    expect(given.map(({ text }) => text)).toEqual(['other', 'one', 'two']);
    expect(given[2]!.source.attributes).toMatchObject({ workload: 'web', node: 'n1' });
    expect(lane.groups.get('g')!.unenriched).toBe(0);
  });

  it('goes on without the pod when it has waited long enough, counts that, and with it once it is known', async () => {
    const { lane, files, given, known, closed } = laneOf(0);
    await lane.start();
    files.append(POD_FILE, `${T} stdout F one\n`);
    await lane.poll(Date.now());
    known.pod = POD;
    files.append(POD_FILE, `${T} stdout F two\n`);
    await lane.poll(Date.now());
    // What is forgotten by now is still what it was.
    known.pod = null;
    files.append(POD_FILE, `${T} stdout F three\n`);
    await lane.poll(Date.now());
    expect(given.map(({ text, source }) => [text, source.identity.workload])).toEqual([
      ['one', ''],
      ['two', 'web'],
      ['three', 'web'],
    ]);
    expect(closed).toEqual([given[0]!.source]);
    expect(lane.groups.get('g')!.unenriched).toBe(1);
  });

  it('does not wait with more than a part of what may be under way', async () => {
    const { lane, files, given } = laneOf(60_000);
    await lane.start();
    const line = `${T} stdout F ${'x'.repeat(1_000)}\n`;
    files.append(POD_FILE, line.repeat(2_000));
    await lane.poll(Date.now());
    expect(given.length).toBeGreaterThan(500);
    expect(lane.groups.get('g')!.unenriched).toBe(given.length);
  });

  it('moves the offset over an unfinished message when what became of it is delivered', async () => {
    const { lane, files, given, committed } = laneOf(0, false);
    await lane.start();
    const whole = `${T} stdout F whole\n`;
    const part = `${T} stdout P part\n`;
    files.append(POD_FILE, whole + part);
    await lane.poll(Date.now());
    given[0]!.delivered();
    expect(committed(POD_FILE)).toBe(whole.length);
    await lane.poll(Date.now() + 60_000);
    expect(given.map(({ text }) => text)).toEqual(['whole', 'part']);
    const later = `${T} stdout F later\n`;
    files.append(POD_FILE, later);
    await lane.poll(Date.now());
    given[2]!.delivered();
    expect(committed(POD_FILE)).toBe(whole.length);
    given[1]!.delivered();
    expect(committed(POD_FILE)).toBe(whole.length + part.length + later.length);
  });
});
