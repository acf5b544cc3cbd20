/*
 * Reading and framing lines out of memory, without file system and consumer.
 *   node --conditions=repo-source libs/log-tail/bench/tail.bench.ts
 */
import { LogTailer, MemoryCheckpointStore, MemoryLogFiles } from '#libs/log-tail';

const LINES = 1_000_000;
const files = new MemoryLogFiles();
const line = `2026-11-20T10:00:00.123000000Z stdout F ${'x'.repeat(150)}\n`;
for (let i = 0; i < 10; i++) files.append(`/logs/${i}.log`, line.repeat(LINES / 10));
let lines = 0;
const tailer: LogTailer = new LogTailer({
  files,
  checkpoints: new MemoryCheckpointStore(),
  groups: [{ name: 'g', from: 'beginning', maxLineBytes: 1024 * 1024 }],
  sink: {
    accept(batch): void {
      lines += batch.lineCount;
      tailer.acknowledge(batch);
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
console.log(
  `${lines} lines in ${seconds.toFixed(2)} s: ${Math.round(lines / seconds)} lines/s, ` +
    `${((user + system) / lines).toFixed(2)} CPU-seconds per million`,
);
