import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  LinePipeline,
  type LogFormat,
  LOG_STREAMS,
  type LogSource,
  logSourceOf,
  MULTILINE_RULES,
  type ParserSpec,
  readPodLogPath,
} from '#libs/log-pipeline';
import { LogTailer, MemoryCheckpointStore, MemoryLogFiles } from '#libs/log-tail';
import { describeConformance } from '../support/conformance.ts';
import { NO_FIELDS, recordsOf } from './log-records.ts';

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
    // Stack traces have cases of their own.
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
          files.compress(at);
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

describeConformance('stack traces', ['logs', 'stacktraces'], (folder) => {
  const expectations = readFileSync(join(folder, '..', 'expected.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('raw-multiline'))
    .map((line) => JSON.parse(line) as { readonly file: string; readonly groups: string[] });
  const source = logSourceOf('/0.log', null, {}, NO_FIELDS);
  const all = MULTILINE_RULES.map(({ name }) => name);

  for (const { file, groups } of expectations) {
    const language = basename(file, '.log');
    it.each([
      [`of ${language}, by its rule`, [language]],
      [`of ${language}, by all rules`, all],
    ])('%s, are one record each', (_, multiline) => {
      const told = (name: string, format: LogFormat): unknown[] =>
        recordsOf(join(folder, name), format, source, { multiline }).map(({ message }) => message);
      expect(told(`${language}.log`, 'raw')).toEqual(groups);
      // Each stream is in its order; which comes first of two is not told.
      const ofContainer = told(`${language}.cri.log`, 'cri');
      expect(new Set(ofContainer)).toEqual(new Set(groups));
      expect(ofContainer).toHaveLength(groups.length);
    });
  }
});

/** What was taken apart, or the message, by stream. */
function gist(record: Record<string, unknown>): string {
  const field = Object.keys(record).find((one) => one.endsWith('_parser'));
  const text = record[field ?? 'log'] ?? record['message'];
  return `${String(record['stream'])} ${field ?? ''} ${String(text).trimEnd()}`;
}

/** The parsers that the pods of these samples name: a text in brackets, then the rest as a field of the parser's name. */
const SAMPLE_PARSERS: readonly ParserSpec[] = [
  'default',
  'default-stdout',
  'default-stderr',
  ...[1, 2, 3, 4].flatMap((i) => [
    `container-${i}`,
    `container-${i}-stdout`,
    `container-${i}-stderr`,
  ]),
].map((name) => ({
  name: `${name}-parser`,
  format: 'regex',
  pattern: `^\\[(?<when>[^\\]]*)\\] (?<${name.replaceAll('-', '_')}_parser>.*)$`,
  timeField: 'when',
  timeFormat: '%Y-%m-%dT%H:%M:%S.%N',
}));

describeConformance(
  'what pods ask of Fluent Bit',
  ['logs', 'fluent-bit', 'kubernetes'],
  (folder) => {
    for (const group of ['annotations-parser', 'annotations-exclude']) {
      const samples = readdirSync(join(folder, 'log', group)).filter((name) =>
        /multiple|_std(?:out|err)_|invalid_text|default_text/.test(name),
      );

      it.each(samples)('holds for %s', (name) => {
        const [, pod = '', container = ''] = /^[^_]*_([^_]+)_(.+)\.log$/.exec(name) ?? [];
        const set = name.slice(0, name.indexOf('_'));
        const meta = JSON.parse(
          readFileSync(join(folder, 'meta', `${set}_${pod}.meta`), 'utf8'),
        ) as { metadata: { annotations: Record<string, string> } };
        const source: LogSource = {
          ...logSourceOf('/0.log', null, {}, NO_FIELDS),
          identity: { namespace: set, pod, container, workload: '' },
          pod: {
            namespace: set,
            name: pod,
            uid: '',
            node: '',
            workload: '',
            workloadKind: '',
            labels: new Map(),
            annotations: new Map(Object.entries(meta.metadata.annotations)),
          },
        };
        const file = join(folder, 'log', group, name);
        const records = recordsOf(file, 'docker-json', source, { parsers: SAMPLE_PARSERS });
        const outs = readdirSync(join(folder, 'out', group))
          .filter(
            (out) =>
              out.startsWith(`${basename(name, '.log')}_`) ||
              out === `${basename(name, '.log')}.out`,
          )
          .flatMap((out) => readFileSync(join(folder, 'out', group, out), 'utf8').split('\n'))
          .filter((line) => line !== '')
          .map((line) => (JSON.parse(line) as [number, Record<string, unknown>])[1]);
        // Of one sample only the records of one stream are told.
        const compared = set.endsWith('-order')
          ? records.filter((record) => record['stream'] === 'stdout')
          : records;
        expect(new Set(compared.map(gist))).toEqual(new Set(outs.map(gist)));
        expect(compared).toHaveLength(outs.length);
      });
    }
  },
);
