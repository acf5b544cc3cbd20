import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LogTailer } from '#libs/log-tail';
import { FileCheckpointStore, NodeLogFiles } from './index.ts';

let folder: string;
let lines: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'archived-logs-'));
  mkdirSync(join(folder, 'pods'));
  lines = [];
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Files of this machine, and offsets on its disk. */
async function startTailer(): Promise<LogTailer> {
  const tailer: LogTailer = new LogTailer({
    files: new NodeLogFiles([
      { name: 'pods', include: [join(folder, 'pods', '*.log')], exclude: [] },
    ]),
    checkpoints: new FileCheckpointStore(join(folder, 'offsets.json')),
    sink: {
      accept: (batch) => {
        for (let i = 0; i < batch.lineCount; i++) {
          lines.push(batch.bytes.toString('utf8', batch.lineStarts[i], batch.lineEnds[i]));
        }
        tailer.acknowledge(batch);
      },
      end: () => {},
    },
    groups: [{ name: 'pods', from: 'beginning', maxLineBytes: 1_000 }],
    scanIntervalMs: 0,
    rotatedGraceMs: 0,
  });
  await tailer.start();
  return tailer;
}

async function look(tailer: LogTailer): Promise<void> {
  for (let i = 0; i < 5; i++) await tailer.poll(Date.now());
}

const log = (): string => join(folder, 'pods', '0.log');

/** Gives the log another name and leaves only what `gzip` makes of it. */
function archive(suffix: string): void {
  renameSync(log(), `${log()}.${suffix}`);
  execFileSync('gzip', [`${log()}.${suffix}`]);
}

describe('a log that was rotated and compressed while nobody looked', () => {
  it('is read on from its archive, before a new one appears and after', async () => {
    writeFileSync(log(), '2026-03-01T08:00:00Z first\n');
    const tailer = await startTailer();
    await look(tailer);
    await tailer.stop(Date.now());
    appendFileSync(log(), '2026-03-01T08:00:01Z second\n');
    archive('20260301-080002');
    const next = await startTailer();
    await look(next);
    expect(lines).toEqual(['2026-03-01T08:00:00Z first', '2026-03-01T08:00:01Z second']);
    writeFileSync(log(), '2026-03-01T08:00:03Z third\n');
    await look(next);
    await next.stop(Date.now());
    const last = await startTailer();
    await look(last);
    await last.stop(Date.now());
    expect(lines.slice(2)).toEqual(['2026-03-01T08:00:03Z third']);
  });

  it('is read whole when it came and went meanwhile, and not again by the run after', async () => {
    writeFileSync(log(), '2026-03-01T08:00:00Z first\n');
    const tailer = await startTailer();
    await look(tailer);
    await tailer.stop(Date.now());
    archive('20260301-080001');
    writeFileSync(log(), '2026-03-01T08:00:02Z second\n');
    archive('20260301-080003');
    writeFileSync(log(), '2026-03-01T08:00:04Z third\n');
    for (let run = 0; run < 2; run++) {
      const next = await startTailer();
      await look(next);
      await next.stop(Date.now());
    }
    expect(lines.map((line) => line.slice(21))).toEqual(['first', 'second', 'third']);
  });
});
