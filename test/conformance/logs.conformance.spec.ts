import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { LinePipeline, type LogFormat, LOG_STREAMS, readPodLogPath } from '#libs/log-pipeline';
import { LogTailer, MemoryCheckpointStore, MemoryLogFiles } from '#libs/log-tail';
import { describeConformance } from '../support/conformance.ts';

interface ExpectedEntry {
  readonly malformed?: true;
  readonly raw?: string;
  readonly time?: string;
  readonly stream?: string;
  readonly line?: string;
  readonly line_length?: number;
  readonly line_prefix?: string;
  readonly line_suffix?: string;
  readonly first_time?: string;
  readonly parts?: number;
  readonly tags?: unknown;
  readonly attrs?: unknown;
}

interface ExpectedFile {
  readonly file: string;
  readonly format: string;
  readonly note: string;
  readonly entries?: readonly ExpectedEntry[];
}

/** What came out for one record, in the words of the expectation. */
type Entry = Record<string, string | number | true>;

function timeText(seconds: number, nanos: number): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(nanos).padStart(9, '0')}Z`;
}

/** Tails a file in chunks of the given size and gives the records that come out. */
async function entriesOf(bytes: Buffer, format: LogFormat, chunkBytes: number): Promise<Entry[]> {
  const files = new MemoryLogFiles();
  const pipeline = new LinePipeline({ format });
  const entries: Entry[] = [];
  const tailer: LogTailer = new LogTailer({
    files,
    checkpoints: new MemoryCheckpointStore(),
    groups: [{ name: 'g', from: 'beginning', maxLineBytes: 2 * 1024 * 1024 }],
    chunkBytes,
    sink: {
      accept(batch): void {
        const { records, heldFromOffset } = pipeline.process(batch, 0);
        const joined = new Map(records.joined.map((record) => [record.row, record]));
        for (let row = 0; row < records.count; row++) {
          const text = records.text(row);
          if (records.isMalformed[row] === 1) {
            entries.push({ malformed: true, raw: text });
            continue;
          }
          const entry: Entry = {
            time: timeText(records.timeSeconds[row]!, records.timeNanos[row]!),
            stream: LOG_STREAMS[records.streams[row]!]!,
            line: text,
          };
          const record = joined.get(row);
          if (record !== undefined) {
            entry['first_time'] = timeText(record.firstSeconds, record.firstNanos);
            entry['parts'] = record.parts;
          }
          entries.push(entry);
        }
        tailer.acknowledge(batch, heldFromOffset);
      },
      end(): void {},
    },
  });
  await tailer.start();
  files.append('/0.log', bytes);
  for (let nowMs = 0; nowMs < 3; nowMs++) await tailer.poll(nowMs);
  return entries;
}

function formatOf(name: string): LogFormat | null {
  return name === 'cri' || name === 'docker-json' ? name : null;
}

/** The same record as far as the expectation speaks of it; of a long line it may name only the length and the ends. */
function asFarAs(expected: ExpectedEntry, got: Entry | undefined): Entry {
  const result: Entry = {};
  for (const key of ['malformed', 'raw', 'time', 'stream', 'line', 'first_time', 'parts']) {
    const isNamed = key in expected || key === 'first_time' || key === 'parts';
    if (isNamed && got !== undefined && key in got) result[key] = got[key]!;
  }
  const line = String(got?.['line'] ?? '');
  if (expected.line_length !== undefined) result['line_length'] = line.length;
  if (expected.line_prefix !== undefined) {
    result['line_prefix'] = line.slice(0, expected.line_prefix.length);
  }
  if (expected.line_suffix !== undefined) {
    result['line_suffix'] = line.slice(-expected.line_suffix.length);
  }
  return result;
}

/** What an expectation says, without what this version does not give out. */
function withoutAttributes(expected: ExpectedEntry): object {
  const { tags: _tags, attrs: _attrs, ...rest } = expected;
  return rest;
}

describeConformance('log files of container runtimes', ['logs'], (folder) => {
  const expectations = readFileSync(join(folder, 'expected.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ExpectedFile);

  for (const { file, format, note, entries } of expectations) {
    const known = formatOf(format);
    // Stack traces wait for the joining of several lines into one record.
    if (known === null || entries === undefined) continue;
    describe(`the file ${file}`, () => {
      it.each([64, 4096, 262_144])(`in chunks of %d: ${note}`, async (chunkBytes) => {
        const got = await entriesOf(readFileSync(join(folder, file)), known, chunkBytes);
        expect(got).toHaveLength(entries.length);
        const told = entries.map((entry, index) => asFarAs(entry, got[index]));
        expect(told).toEqual(entries.map(withoutAttributes));
      });
    });
  }
});

type ScenarioStep = {
  readonly do: string;
  readonly file: string;
  readonly to: string;
  readonly text: string;
};

describeConformance('a rotation', ['logs', 'rotation-scenario.json'], (path) => {
  const scenario = JSON.parse(readFileSync(path, 'utf8')) as {
    steps: readonly ScenarioStep[];
    expect_lines_in_order: readonly string[];
  };

  it.each([1, 2, 3, 100])('with a look after each %d steps tells each line once', async (every) => {
    const files = new MemoryLogFiles();
    const store = new MemoryCheckpointStore();
    const lines: string[] = [];
    let nowMs = 0;
    const start = async (): Promise<LogTailer> => {
      const pipeline = new LinePipeline({ format: 'cri' });
      const tailer: LogTailer = new LogTailer({
        files,
        checkpoints: store,
        groups: [{ name: 'g', from: 'beginning', maxLineBytes: 65_536 }],
        scanIntervalMs: 0,
        sink: {
          accept(batch): void {
            const { records, heldFromOffset } = pipeline.process(batch, nowMs);
            for (let row = 0; row < records.count; row++) lines.push(records.text(row));
            tailer.acknowledge(batch, heldFromOffset);
          },
          end(): void {},
        },
      });
      await tailer.start();
      return tailer;
    };
    let tailer = await start();
    const look = async (): Promise<void> => {
      nowMs += 100;
      files.nowMs = nowMs;
      await tailer.poll(nowMs);
    };
    await look();
    for (const [index, step] of scenario.steps.entries()) {
      const at = `/pods/${step.file}`;
      // What a look must not fall behind of: the bytes go away in these steps.
      if (['gzip', 'truncate', 'delete', 'restart collector'].includes(step.do)) await look();
      switch (step.do) {
        case 'write':
        case 'append':
          files.append(at, step.text);
          break;
        case 'rename':
          files.rename(at, `/pods/${step.to}`);
          break;
        case 'gzip':
          files.delete(at);
          files.append(`/pods/${step.to}`, 'compressed');
          break;
        case 'restart collector':
          await tailer.stop(nowMs);
          tailer = await start();
          break;
        case 'truncate':
          files.truncate(at);
          break;
        case 'delete':
          files.delete(at);
          break;
        default:
          throw new Error(`unknown step ${step.do}`);
      }
      if (index % every === every - 1) await look();
    }
    for (let i = 0; i < 3; i++) {
      nowMs += 10_000;
      await look();
    }
    expect(lines).toEqual(scenario.expect_lines_in_order);
    expect(files.openHandles).toBe(0);
  });
});

describeConformance('the paths of log files', ['logs', 'paths.json'], (path) => {
  const cases = JSON.parse(readFileSync(path, 'utf8')) as readonly (Readonly<
    Record<string, unknown>
  > & { readonly path: string; readonly valid?: boolean })[];

  it.each(cases)('$path', (expected) => {
    const told = {
      namespace: expected['namespace'] ?? '',
      pod: expected['pod'] ?? '',
      podUid: expected['pod_uid'] ?? '',
      container: expected['container'] ?? '',
      containerId: expected['container_id'] ?? '',
      restart: expected['restart'] ?? null,
    };
    expect(readPodLogPath(expected.path)).toEqual(expected.valid === false ? null : told);
  });
});
