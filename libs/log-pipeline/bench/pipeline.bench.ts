/*
 * Lines of a container runtime through framing, CRI, level detection and counting, on one core.
 *   node --conditions=repo-source libs/log-pipeline/bench/pipeline.bench.ts
 */
import {
  type LogFormat,
  logSourceOf,
  MULTILINE_RULES,
  ParserSet,
  RecordPipeline,
  type RecordPipelineOptions,
  REDACTIONS,
} from '#libs/log-pipeline';
import { LogTailer, MemoryCheckpointStore, MemoryLogFiles } from '#libs/log-tail';

const LINES = 1_000_000;
const LEVELS = ['INFO', 'INFO', 'INFO', 'WARN', 'ERROR'];

function json(i: number): string {
  return (
    `{"level":"${LEVELS[i % 5]}","ts":"2026-11-20T10:00:00Z","msg":"request served",` +
    `"path":"/api/v1/orders/${i}","status":200,"dur_ms":${i % 300},"trace":"abcdef0123456789${i}"}`
  );
}

function text(i: number): string {
  return `2026-11-20 10:00:00.123 ${LEVELS[i % 5]} [http-nio-8080-exec-1] c.a.OrderController : served order ${i} in 12 ms for customer 4711`;
}

const PLAIN: Omit<RecordPipelineOptions, 'format'> = {
  parsers: new ParserSet([]),
  parser: null,
  multilineRules: MULTILINE_RULES,
  multiline: [],
  multilineLimits: { maxLines: 1_000, maxBytes: 256 * 1024, timeoutMs: 1_000 },
  shipping: { drop: [], sample: [], rateLimit: null, redact: { kinds: [], patterns: [] } },
  labelNames: [],
  obeysAnnotations: true,
};
const cri =
  (message: (i: number) => string) =>
  (i: number): string =>
    `2026-03-01T10:00:00.123000000Z stdout F ${message(i)}`;
const AUTO = MULTILINE_RULES.map(({ name }) => name);
const SOURCE = logSourceOf('/logs/0.log', null, {}, { labels: [], annotations: [] });

const CASES: readonly (readonly [
  string,
  LogFormat,
  (i: number) => string,
  Partial<RecordPipelineOptions>?,
])[] = [
  ['cri, JSON parsed', 'cri', cri(json), { parser: 'json' }],
  ['cri, text, multiline auto', 'cri', cri(text), { multiline: AUTO }],
  [
    'cri, JSON redacted',
    'cri',
    cri(json),
    { shipping: { ...PLAIN.shipping, redact: { kinds: REDACTIONS, patterns: [] } } },
  ],
  [
    'cri, JSON limited',
    'cri',
    cri(json),
    { shipping: { ...PLAIN.shipping, rateLimit: { linesPerSecond: 1e7, burst: 1e8 } } },
  ],
  ['cri, JSON messages', 'cri', (i) => `2026-11-20T10:00:00.123000000Z stdout F ${json(i)}`],
  ['cri, text messages', 'cri', (i) => `2026-11-20T10:00:00.123000000Z stdout F ${text(i)}`],
  [
    'cri, prose',
    'cri',
    (i) => `2026-11-20T10:00:00.123000000Z stdout F ${'lorem ipsum '.repeat(12)}${i}`,
  ],
  ['raw text', 'raw', text],
  [
    'docker-json, JSON messages',
    'docker-json',
    (i) =>
      JSON.stringify({ log: `${json(i)}\n`, stream: 'stdout', time: '2026-11-20T10:00:00.123Z' }),
  ],
];

for (const [name, format, lineOf, options] of CASES) {
  const files = new MemoryLogFiles();
  const chunk = Array.from({ length: 10_000 }, (_, i) => `${lineOf(i)}\n`).join('');
  for (let i = 0; i < 10; i++) files.append(`/logs/${i}.log`, chunk.repeat(LINES / 100_000));
  const pipeline = new RecordPipeline({ format, ...PLAIN, ...options });
  let records = 0;
  const tailer: LogTailer = new LogTailer({
    files,
    checkpoints: new MemoryCheckpointStore(),
    groups: [{ name: 'g', from: 'beginning', maxLineBytes: 1024 * 1024 }],
    sink: {
      accept(batch): void {
        const result = pipeline.process(batch, SOURCE, 0);
        records += pipeline.ship(batch.fileKey, result.records, 0).count;
        tailer.acknowledge(batch, result.heldFromOffset);
      },
      end(): void {},
    },
  });
  await tailer.start();
  const before = process.cpuUsage();
  const startMs = performance.now();
  for (let nowMs = 0; tailer.counters.readLines < LINES; nowMs++) await tailer.poll(nowMs);
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(before);
  const cpu = ((user + system) / LINES).toFixed(2);
  console.log(`${name}: ${Math.round(LINES / seconds)} lines/s, ${cpu} CPU-seconds per million`);
}
