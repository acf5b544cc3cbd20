import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemorySpoolFiles, SimulatedCrash } from './memory-spool-files.ts';
import { Spool, SpoolScarceError, type SpoolThinning } from './spool.ts';
import { type BudgetMember, SpoolBudget } from './spool-budget.ts';
import type { SpoolItem } from './spool-item.ts';

const HEADER_BYTES = 16;
const item = (text: string, count = 1): SpoolItem => ({ bytes: Buffer.from(text), count });

/** Takes the letters `d`, then `i`, out of texts of which each letter is a record. */
const LETTERS: SpoolThinning = {
  stages: 2,
  thin(whole, stage) {
    const text = whole.bytes.toString().replaceAll(stage === 1 ? 'd' : 'i', '');
    if (text.length === whole.bytes.length) return whole;
    return text === '' ? null : item(text, text.length);
  },
};

function open(
  options: Partial<Parameters<typeof Spool.open>[0]>,
  files = new MemorySpoolFiles(),
): Promise<Spool> {
  return Spool.open({
    files,
    maxBytes: 100_000,
    policy: 'drop_oldest',
    segmentBytes: 1,
    ...options,
  });
}

async function drain(spool: Spool): Promise<string[]> {
  const texts: string[] = [];
  for (let read = await spool.next(1); read !== null; read = await spool.next(1)) {
    texts.push(...read.items.map(({ bytes }) => bytes.toString()));
    await spool.acknowledge(read);
  }
  return texts;
}

/** Until everybody has made the room that was asked for. */
async function settled(...spools: readonly Spool[]): Promise<void> {
  for (const spool of spools) await spool.append([]);
}

const letters = (text: string): SpoolItem => item(text, text.length);
const size = (...texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + HEADER_BYTES + text.length, 0);

describe('a spool that is full', () => {
  it('gives up what matters least first, of what is there and of what comes', async () => {
    const spool = await open({
      maxBytes: size('eedd', 'ieid', 'edde', 'e'),
      thinning: LETTERS,
    });
    for (const text of ['eedd', 'ieid', 'edde']) await spool.append([letters(text)]);
    // The least that lets it in: as it is it would not fit.
    await spool.append([letters('de')]);
    expect(spool.counters.droppedFor).toEqual({ spool_full: 0, disk_budget: 0, low_priority: 1 });
    await spool.append([letters('eeie')]);
    expect(spool.counters.droppedFor).toEqual({ spool_full: 2, disk_budget: 0, low_priority: 9 });
    expect(await drain(spool)).toEqual(['e', 'ee', 'e', 'eee']);
  });

  it('takes nothing in that matters less than what is there', async () => {
    const spool = await open({ maxBytes: size('ee', 'ee'), thinning: LETTERS });
    for (const text of ['ee', 'ee', 'dddd', 'didi']) await spool.append([letters(text)]);
    expect(await drain(spool)).toEqual(['ee', 'ee']);
    expect(spool.counters.droppedFor).toEqual({ spool_full: 0, disk_budget: 0, low_priority: 8 });
  });

  it('leaves alone what its reader is reading', async () => {
    const spool = await open({ maxBytes: size('dde', 'dde', 'dde'), thinning: LETTERS });
    for (const text of ['dde', 'dde', 'dde']) await spool.append([letters(text)]);
    const read = await spool.next(1);
    await spool.append([letters('e')]);
    await spool.acknowledge(read!);
    expect(read!.items[0]!.bytes.toString()).toBe('dde');
    expect(await drain(spool)).toEqual(['e', 'dde', 'e']);
  });

  it('goes on where the disk has no room for less', async () => {
    const files = new MemorySpoolFiles();
    const texts = ['dde', 'dde', 'dde'];
    const spool = await open({ maxBytes: size(...texts), thinning: LETTERS }, files);
    for (const text of texts) await spool.append([letters(text)]);
    files.capacityBytes = size(...texts);
    await spool.append([letters('e')]);
    expect(spool.counters.droppedFor).toEqual({ spool_full: 3, disk_budget: 0, low_priority: 0 });
    expect(await drain(spool)).toEqual(['dde', 'dde', 'e']);
  });

  it('loses nothing else in a power cut while it makes room', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 4, max: 12 }), async (crashAtWrite) => {
        const files = new MemorySpoolFiles();
        files.crashAtWrite = crashAtWrite;
        const options = { maxBytes: size('dde', 'ide', 'dee', 'e'), thinning: LETTERS };
        try {
          const spool = await open(options, files);
          for (const text of ['dde', 'ide', 'dee', 'eee', 'eei'])
            await spool.append([letters(text)]);
        } catch (error) {
          if (!(error instanceof SimulatedCrash)) throw error;
        }
        files.crashAtWrite = Infinity;
        const again = await open(options, files);
        const found = (await drain(again)).join(' ');
        expect(again.counters.damagedPlaces).toBeLessThanOrEqual(1);
        expect(found).toMatch(
          /^(?:(?:dde|e) )?(?:(?:ide|ie|e) ?)?(?:(?:dee|ee) ?)?(?:eee ?)?(?:eei|ee)?$/,
        );
      }),
    );
  });
});

describe('spools that share a disk', () => {
  it('make room for what matters more, and not for what matters less', async () => {
    const budget = new SpoolBudget(size('e'.repeat(100), 'e'.repeat(100)));
    const text = 'e'.repeat(100);
    const logs = await open({ share: { budget, priority: 50, givesWay: true } });
    const samples = await open({ share: { budget, priority: 100, givesWay: true } });
    await logs.append([letters(text), letters(text)]);
    await samples.append([item('1'.repeat(100), 7)]);
    await settled(logs, samples);
    expect([logs.records, samples.records]).toEqual([100, 7]);
    expect(budget.usedBytes).toBeLessThanOrEqual(budget.maxBytes);
    await logs.append([letters(text)]);
    expect([logs.records, samples.records]).toEqual([100, 7]);
    await samples.append([item('2'.repeat(100), 7)]);
    await settled(logs, samples);
    expect([logs.records, samples.records]).toEqual([0, 14]);
    await samples.append([item('3'.repeat(100), 7)]);
    expect(await drain(samples)).toEqual(['2'.repeat(100), '3'.repeat(100)]);
    expect(logs.counters.droppedFor).toEqual({ spool_full: 0, disk_budget: 300, low_priority: 0 });
    expect(samples.counters.droppedFor.disk_budget).toBe(7);
  });

  it('share alike where they matter alike', async () => {
    const budget = new SpoolBudget(10 * size('x'));
    const share = { budget, priority: 1, givesWay: true };
    const [dead, other] = [await open({ share }), await open({ share })];
    for (let i = 0; i < 20; i++) await dead.append([item('x')]);
    expect(dead.records).toBe(10);
    for (let i = 0; i < 20; i++) {
      await other.append([item('x')]);
      await settled(dead);
    }
    expect(dead.records + other.records).toBeLessThanOrEqual(10);
    expect(Math.abs(dead.records - other.records)).toBeLessThanOrEqual(1);
  });

  it('thin what matters little before they give up what matters', async () => {
    const budget = new SpoolBudget(4 * size('edd'));
    const logs = await open({
      share: { budget, priority: 1, givesWay: true },
      thinning: LETTERS,
    });
    const samples = await open({ share: { budget, priority: 2, givesWay: true } });
    await logs.append(Array.from({ length: 4 }, () => letters('edd')));
    await samples.append([item('xx')]);
    await settled(logs, samples);
    expect(logs.counters.droppedFor).toMatchObject({ disk_budget: expect.any(Number) });
    // Three segments can be thinned, which frees two bytes each; the oldest goes for the rest.
    expect(await drain(logs)).toEqual(['e', 'e', 'edd']);
    expect(await drain(samples)).toEqual(['xx']);
  });

  it('leave alone what was promised to be safe, which is told how much room there is', async () => {
    const budget = new SpoolBudget(4 * size('x'));
    const inputs = await open({ share: { budget, priority: 100, givesWay: false } });
    const logs = await open({ share: { budget, priority: 1, givesWay: true } });
    await logs.append([item('x'), item('x')]);
    // What the others would make room for counts.
    expect(inputs.roomBytes).toBe(4 * size('x'));
    await inputs.append([item('x'), item('x'), item('x')]);
    await settled(logs, inputs);
    expect([logs.records, inputs.records]).toEqual([1, 3]);
    expect(inputs.roomBytes).toBe(size('x'));
    await inputs.append([item('x'), item('x')]);
    await settled(logs, inputs);
    expect([logs.records, inputs.records]).toEqual([0, 5]);
    expect(inputs.roomBytes).toBe(0);
    // What has nothing to give up keeps what it has elsewhere.
    await expect(logs.append([item('y')])).rejects.toThrow(SpoolScarceError);
    expect(logs.counters.droppedFor.disk_budget).toBe(2);
  });

  it('make room when there is less of the disk than there was', async () => {
    const budget = new SpoolBudget();
    const logs = await open({ share: { budget, priority: 1, givesWay: true } });
    const samples = await open({ share: { budget, priority: 2, givesWay: true } });
    for (const spool of [logs, samples]) {
      await spool.append(Array.from({ length: 10 }, () => item('x')));
    }
    budget.setMax(12 * size('x'));
    await settled(logs, samples);
    expect([logs.records, samples.records]).toEqual([2, 10]);
    budget.setMax(5 * size('x'));
    await settled(logs, samples);
    expect([logs.records, samples.records]).toEqual([0, 5]);
    logs.close();
    samples.close();
    expect(budget.usedBytes).toBe(0);
  });

  it('owe nothing that they do not have', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            priority: fc.integer({ min: 0, max: 2 }),
            diskBytes: fc.nat(50),
            givesWay: fc.boolean(),
          }),
          { minLength: 1, maxLength: 5 },
        ),
        fc.nat(120),
        fc.array(fc.record({ at: fc.nat(4), bytes: fc.nat(30) }), { maxLength: 20 }),
        (made, maxBytes, wants) => {
          const budget = new SpoolBudget(maxBytes);
          const members = made.map((given) => {
            const member = {
              ...given,
              owedBytes: 0,
              makeRoom(bytes: number): void {
                member.owedBytes += bytes;
              },
            };
            budget.join(member satisfies BudgetMember);
            return member;
          });
          for (const { at, bytes } of wants) {
            const member = members[at % members.length]!;
            const before = members.map(({ owedBytes }) => owedBytes);
            const isAdmitted = budget.admit(member, bytes);
            const bound = members.reduce(
              (sum, { diskBytes, owedBytes }) => sum + diskBytes - owedBytes,
              0,
            );
            expect(isAdmitted ? bound + bytes : 0).toBeLessThanOrEqual(maxBytes);
            const owed = members.map(({ owedBytes }) => owedBytes);
            expect(isAdmitted || owed.every((now, i) => now === before[i])).toBe(true);
            if (isAdmitted) member.diskBytes += bytes;
            for (const { owedBytes, diskBytes, givesWay } of members) {
              expect(owedBytes).toBeLessThanOrEqual(givesWay ? diskBytes : 0);
            }
          }
        },
      ),
    );
  });
});
