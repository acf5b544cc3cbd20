import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemorySpoolFiles, SimulatedCrash } from './memory-spool-files.ts';
import { Spool, type SpoolFullPolicy } from './spool.ts';
import type { SpoolItem } from './spool-item.ts';

function open(
  files: MemorySpoolFiles,
  maxBytes = 10_000,
  policy: SpoolFullPolicy = 'drop_oldest',
  segmentBytes = 100,
): Promise<Spool> {
  return Spool.open({ files, maxBytes, policy, segmentBytes });
}

const item = (text: string, count = 1): SpoolItem => ({ bytes: Buffer.from(text), count });

async function drain(spool: Spool): Promise<string[]> {
  const texts: string[] = [];
  for (let read = await spool.next(50); read !== null; read = await spool.next(50)) {
    texts.push(...read.items.map(({ bytes }) => bytes.toString()));
    await spool.acknowledge(read);
  }
  return texts;
}

async function appendAndRead(
  files: MemorySpoolFiles,
  saved: string[],
  acknowledged: string[],
): Promise<void> {
  const spool = await open(files);
  for (let i = 0; i < 12; i++) {
    await spool.append([item(`item ${i}`)]);
    saved.push(`item ${i}`);
    if (i % 3 !== 2) continue;
    const read = await spool.next(14);
    await spool.acknowledge(read!);
    acknowledged.push(...read!.items.map(({ bytes }) => bytes.toString()));
  }
}

describe('a spool', () => {
  it('gives items back in their order, over segments and restarts, until they are acknowledged', async () => {
    const files = new MemorySpoolFiles();
    const texts = Array.from({ length: 30 }, (_, i) => `item ${i}`);
    const first = await open(files);
    await first.append(texts.map((text) => item(text, 2)));
    expect(files.segments.size).toBeGreaterThan(3);
    expect(first.records).toBe(60);
    const read = await first.next(12);
    expect(read!.items.map(({ bytes }) => bytes.toString())).toEqual(texts.slice(0, 2));
    await first.acknowledge(read!);
    const second = await open(files);
    expect(second.records).toBe(56);
    expect(second.sizeBytes).toBe(first.sizeBytes);
    expect(await second.next(1)).toEqual(await second.next(1));
    await second.append([item('new')]);
    expect(await drain(second)).toEqual([...texts.slice(2), 'new']);
    expect(second.isEmpty).toBe(true);
    expect(files.segments.size).toBe(0);
  });

  it('does not count as dropped what its reader has in hands, though it makes room on disk', async () => {
    const spool = await open(new MemorySpoolFiles(), 300);
    await spool.append(Array.from({ length: 8 }, (_, i) => item(`item ${i}`, 2)));
    const read = await spool.next(13);
    expect(read!.items).toHaveLength(2);
    await spool.append(Array.from({ length: 32 }, (_, i) => item(`item ${8 + i}`, 2)));
    expect(spool.counters.droppedRecords).toBeGreaterThan(10);
    await spool.acknowledge(read!);
    const left = await drain(spool);
    expect(spool.counters.droppedRecords).toBe(2 * (40 - 2 - left.length));
    expect(spool.counters.droppedBytes).toBe(
      Array.from({ length: 40 - left.length }, (_, i) => 16 + `item ${i}`.length)
        .slice(2)
        .reduce((sum, size) => sum + size, 0),
    );
  });

  it('drops the oldest, or does not take the newest, when it is full, and counts them', async () => {
    const oldest = await open(new MemorySpoolFiles(), 300, 'drop_oldest');
    const newest = await open(new MemorySpoolFiles(), 300, 'drop_newest');
    const texts = Array.from({ length: 40 }, (_, i) => `item ${i}`);
    for (const spool of [oldest, newest]) await spool.append(texts.map((text) => item(text)));
    const [kept, early] = [await drain(oldest), await drain(newest)];
    expect(kept.at(-1)).toBe('item 39');
    expect(kept).toEqual(texts.slice(-kept.length));
    expect(early).toEqual(texts.slice(0, early.length));
    for (const [spool, left] of [
      [oldest, kept],
      [newest, early],
    ] as const) {
      expect(left.length).toBeGreaterThan(5);
      expect(spool.counters.droppedRecords).toBe(40 - left.length);
    }
    await oldest.append([item('x'.repeat(400), 7)]);
    expect(oldest.counters.droppedRecords).toBe(40 - kept.length + 7);
    expect(oldest.isEmpty).toBe(true);
  });

  it('lets an acknowledgement pass whose items had to make room', async () => {
    const spool = await open(new MemorySpoolFiles(), 300);
    await spool.append([item('a'), item('b')]);
    const read = await spool.next(1);
    await spool.append(Array.from({ length: 14 }, (_, i) => item(`item ${i}`)));
    await spool.acknowledge(read!);
    expect(await drain(spool)).not.toContain('b');
  });

  it('keeps what it took when the disk is full, and goes on when there is room', async () => {
    const files = new MemorySpoolFiles();
    const spool = await open(files);
    await spool.append([item('one')]);
    files.capacityBytes = 30;
    await expect(spool.append([item('two')])).rejects.toThrow('ENOSPC');
    files.capacityBytes = 10_000;
    await spool.append([item('three')]);
    expect((await open(files)).records).toBe(2);
    expect(await drain(spool)).toEqual(['one', 'three']);
  });

  it('passes over damage in the middle, and what is behind it in the segment', async () => {
    const files = new MemorySpoolFiles();
    const spool = await open(files);
    await spool.append(Array.from({ length: 12 }, (_, i) => item(`item ${i}`)));
    const [first] = [...files.segments.keys()];
    const bytes = files.segments.get(first!)!;
    bytes[20] = bytes[20]! ^ 1;
    expect((await open(files)).records).toBe(12);
    const left = await drain(spool);
    expect(left.length).toBeGreaterThan(5);
    expect(left).not.toContain('item 0');
    expect(left.at(-1)).toBe('item 11');
    expect(spool.counters.damagedPlaces).toBe(1);
  });

  it('loses nothing that it said yes to, whenever the machine stops', async () => {
    const whole = new MemorySpoolFiles();
    await appendAndRead(whole, [], []);
    expect(whole.writes).toBeGreaterThan(15);
    for (let step = 0; step < whole.writes; step++) {
      const files = new MemorySpoolFiles();
      files.crashAtWrite = step;
      const [saved, acknowledged]: [string[], string[]] = [[], []];
      await expect(appendAndRead(files, saved, acknowledged)).rejects.toThrow(SimulatedCrash);
      files.crashAtWrite = Number.POSITIVE_INFINITY;
      const left = await drain(await open(files));
      const missing = saved.filter((text) => !acknowledged.includes(text) && !left.includes(text));
      // What was being acknowledged when the machine stopped may have been taken out already.
      const openNow = new Set(saved.slice(acknowledged.length, acknowledged.length + 3));
      expect(missing.filter((text) => !openNow.has(text))).toEqual([]);
      expect(left).toEqual(left.toSorted((a, b) => Number(a.slice(5)) - Number(b.slice(5))));
    }
  });

  it('gives out nothing that was not put in, whatever bytes the disk has', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 80 }),
        fc.string({ maxLength: 12 }),
        fc.nat(),
        async (noise, cursor, at) => {
          const files = new MemorySpoolFiles();
          await (await open(files)).append([item('one'), item('two')]);
          const bytes = files.segments.get(1)!;
          const cut = at % (bytes.length + 1);
          files.segments.set(1, Buffer.concat([bytes.subarray(0, cut), noise]));
          files.cursor = cursor;
          const left = await drain(await open(files));
          expect(['', 'one', 'one,two']).toContain(left.join(','));
        },
      ),
    );
  });
});

/** As another version might write: the same, under another mark. */
function marked(segment: Buffer, mark: string): Buffer {
  return Buffer.from(segment.toString('latin1').replaceAll(/BSP\d/g, mark), 'latin1');
}

describe('a spool that a later version wrote', () => {
  it('is set aside, and taken back once it is understood, from where it was acknowledged', async () => {
    const files = new MemorySpoolFiles();
    const later = await open(files);
    await later.append(Array.from({ length: 8 }, (_, i) => item(`item ${i}`)));
    await later.acknowledge((await later.next(12))!);
    const written = new Map(files.segments);
    for (const [number, bytes] of written) files.segments.set(number, marked(bytes, 'BSP2'));

    const earlier = await open(files);
    expect(earlier.isEmpty).toBe(true);
    expect(earlier.asideBytes).toBe([...written.values()].reduce((sum, b) => sum + b.length, 0));
    await earlier.append([item('from the earlier'), item('and one more')]);
    await earlier.acknowledge((await earlier.next(20))!);
    // It is opened again and again before the later version is back.
    expect((await open(files)).asideBytes).toBe(earlier.asideBytes);
    expect(earlier.counters).toMatchObject({ droppedRecords: 0, damagedBytes: 0 });

    for (const [name, bytes] of files.aside) files.aside.set(name, marked(bytes, 'BSP1'));
    const back = await open(files);
    expect(back.asideBytes).toBe(0);
    expect(files.aside.size).toBe(0);
    const items = Array.from({ length: 6 }, (_, i) => `item ${2 + i}`);
    expect(await drain(back)).toEqual(['and one more', ...items]);
  });

  it('stays aside while there is no room for it', async () => {
    const files = new MemorySpoolFiles();
    await (await open(files)).append([item('x'.repeat(90)), item('y'.repeat(90))]);
    const [first, bytes] = [...files.segments][0]!;
    files.segments.delete(first);
    files.aside.set(`${first}.0`, bytes);
    const spool = await open(files, 150, 'drop_oldest');
    expect(spool.asideBytes).toBe(bytes.length);
    expect(await drain(spool)).toEqual(['y'.repeat(90)]);
    expect(await drain(await open(files, 150))).toEqual(['x'.repeat(90)]);
  });
});
