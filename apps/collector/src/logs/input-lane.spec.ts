import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MemorySpoolFiles, Spool } from '#libs/spool';
import { InputLane, type InputLaneOptions } from './input-lane.ts';
import type { LogChunk } from './log-chunk.ts';

const lanes: InputLane[] = [];
afterEach(async () => {
  for (const lane of lanes.splice(0)) await lane.stop();
});

function chunkOf(text: string, tag = 't'): LogChunk {
  return { tag, entries: Buffer.from(text), count: 1 };
}

/** An output that has safe what it is told to. */
class Output {
  readonly accepted: string[] = [];
  isUp = true;
  readonly #waiting: (() => void)[] = [];

  accept({ tag, entries }: LogChunk, safe: () => void): void {
    this.accepted.push(`${tag}:${entries.toString()}`);
    if (this.isUp) safe();
    else this.#waiting.push(safe);
  }

  deliver(): void {
    this.isUp = true;
    for (const safe of this.#waiting.splice(0)) safe();
  }
}

function laneOf(
  output: Output,
  files: MemorySpoolFiles,
  over: Partial<InputLaneOptions> = {},
): { lane: InputLane; errors: unknown[] } {
  const errors: unknown[] = [];
  const lane = new InputLane(
    {
      output,
      openSpool: () => Spool.open({ files, maxBytes: 100_000, policy: 'drop_newest' }),
      maxSpoolBytes: 10_000,
      retryMs: 5,
      ...over,
    },
    { spooled: () => {}, failed: (error) => errors.push(error) },
  );
  lanes.push(lane);
  lane.start();
  return { lane, errors };
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(5)) if (holds()) return;
  throw new Error('it did not come to that within 60 s');
}

describe('a lane of inputs', () => {
  it('has chunks on disk before it says so, and hands them on in their order', async () => {
    const output = new Output();
    const { lane } = laneOf(output, new MemorySpoolFiles());
    await Promise.all([
      lane.append(chunkOf('a')),
      lane.append(chunkOf('b')),
      lane.append(chunkOf('c', 'u')),
    ]);
    await until(() => output.accepted.join('').endsWith('c'));
    expect(output.accepted.join(' ').replaceAll(/ ?\w:/g, '')).toBe('abc');
  });

  it('says so while the output is away, and hands on after a restart', async () => {
    const files = new MemorySpoolFiles();
    const away = new Output();
    away.isUp = false;
    const first = laneOf(away, files);
    await first.lane.append(chunkOf('a'));
    await first.lane.append(chunkOf('b'));
    await first.lane.stop();
    const back = new Output();
    laneOf(back, files);
    await until(() => back.accepted.length === 2);
    expect(back.accepted).toEqual(['t:a', 't:b']);
  });

  it('forgets what the output has safe', async () => {
    const files = new MemorySpoolFiles();
    const output = new Output();
    const { lane } = laneOf(output, files);
    await lane.append(chunkOf('a'));
    await until(() => output.accepted.length === 1);
    await until(() => files.segments.size === 0);
    const left = await Spool.open({ files, maxBytes: 1_000, policy: 'drop_newest' });
    expect(left.isEmpty).toBe(true);
  });

  it('lets senders wait while there is no room, and loses nothing', async () => {
    const output = new Output();
    output.isUp = false;
    const { lane } = laneOf(output, new MemorySpoolFiles(), { maxSpoolBytes: 3_000 });
    let safe = 0;
    const appends = Array.from({ length: 10 }, (_, i) =>
      lane.append(chunkOf(String(i).repeat(1_000))).then(() => safe++),
    );
    await until(() => safe >= 2);
    // Nothing leaves the spool, so no more than what fits can ever be safe.
    expect(safe).toBeLessThanOrEqual(3);
    output.deliver();
    await Promise.all(appends);
    await until(() => output.accepted.join('').includes('999'));
    const text = output.accepted.join('').replaceAll('t:', '');
    expect(text).toBe(Array.from({ length: 10 }, (_, i) => String(i).repeat(1_000)).join(''));
  });

  it('refuses what the disk does not take, and takes what comes after', async () => {
    const files = new MemorySpoolFiles();
    const output = new Output();
    const { lane, errors } = laneOf(output, files);
    await lane.append(chunkOf('a'));
    const append = files.append.bind(files);
    files.append = () => Promise.reject(new Error('ENOSPC'));
    await expect(lane.append(chunkOf('b'))).rejects.toThrow('ENOSPC');
    files.append = append;
    await lane.append(chunkOf('c'));
    await until(() => output.accepted.includes('t:c'));
    expect(output.accepted).toEqual(['t:a', 't:c']);
    expect(errors).toHaveLength(1);
  });

  it('opens its spool again and again, and refuses when it stops', async () => {
    let attempts = 0;
    const files = new MemorySpoolFiles();
    const output = new Output();
    const { lane } = laneOf(output, files, {
      openSpool: () => {
        attempts++;
        if (attempts < 3) return Promise.reject(new Error('not mounted'));
        return Spool.open({ files, maxBytes: 1_000, policy: 'drop_newest' });
      },
    });
    await lane.append(chunkOf('a'));
    await until(() => output.accepted.length === 1);
    await lane.stop();
    await expect(lane.append(chunkOf('b'))).rejects.toThrow('gone');
  });
});
