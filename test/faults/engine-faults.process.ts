/*
 * Loaded into a built engine with `--import`, before the engine's own code. It makes the engine's disk and clock fail the
 * way a test says, and ends the process at the point a test names. The engine itself is as it is shipped.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { writeSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { DEFAULT_LOG_STORE_OPTIONS } from '#libs/log-store';
import { FileBlockFiles, FileSegmentStore } from '#libs/node-files';
import {
  BlockArchive,
  DEFAULT_LOG_OPTIONS,
  DEFAULT_TIERED_OPTIONS,
  TieredStore,
  TimeSeriesStore,
} from '#libs/tsdb';
import { type EngineFaults, type FaultPhase, NO_FAULTS } from './engine-faults.ts';

type AnyMethod = (this: unknown, ...args: unknown[]) => unknown;

let faults: EngineFaults = { ...NO_FAULTS, ...parseFaults(process.env['FAULTS'] ?? '{}') };

function parseFaults(text: string): Partial<EngineFaults> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the test writes it, from the same type
  return JSON.parse(text) as Partial<EngineFaults>;
}

/** Puts a function made from the old one in its place. */
function replace(owner: object, name: string, make: (original: AnyMethod) => AnyMethod): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') throw new Error(`there is no ${name} to replace`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- called with what the original is called with
  Reflect.set(owner, name, make(original as AnyMethod));
}

const phases = new AsyncLocalStorage<FaultPhase>();
/** What goes on outside of any phase that is told apart by its calls. */
let background: FaultPhase = 'start';
const steps = new Map<FaultPhase, number>();

/** Everything that happens within a method belongs to a phase. */
function mark(owner: object, name: string, phaseOf: (args: unknown[]) => FaultPhase): void {
  replace(
    owner,
    name,
    (original) =>
      function (...args) {
        return phases.run(phaseOf(args), () => original.apply(this, args));
      },
  );
}

/** A change of the disk: a place where the process may end. */
async function step<T>(change: () => Promise<T>): Promise<T> {
  const phase = phases.getStore() ?? background;
  const count = (steps.get(phase) ?? 0) + 1;
  steps.set(phase, count);
  const point = faults.deathPoint;
  const isHere = point !== null && point.phase === phase && point.step <= count;
  if (isHere && !point.isAfter) process.kill(process.pid, 'SIGKILL');
  const result = await change();
  if (isHere) process.kill(process.pid, 'SIGKILL');
  return result;
}

function markPhases(): void {
  mark(TieredStore.prototype, 'open', () => 'start');
  mark(TimeSeriesStore.prototype, 'beginHandover', () => 'checkpoint');
  mark(TimeSeriesStore.prototype, 'dropLogged', () => 'checkpoint');
  mark(FileBlockFiles.prototype, 'writeMarks', () => 'checkpoint');
  mark(BlockArchive.prototype, 'compact', () => 'compaction');
  mark(BlockArchive.prototype, 'retain', () => 'retention');
  mark(BlockArchive.prototype, 'write', () =>
    phases.getStore() === 'compaction' ? 'compaction' : 'sealing',
  );
  replace(
    TieredStore.prototype,
    'open',
    (original) =>
      async function (...args) {
        const report = await original.apply(this, args);
        background = 'ingestion';
        return report;
      },
  );
}

async function damageFiles(): Promise<void> {
  for (const name of ['rename', 'rm', 'link', 'mkdir', 'writeFile', 'copyFile']) {
    replace(
      promises,
      name,
      (original) =>
        function (...args) {
          return step(async () => original.apply(this, args));
        },
    );
  }
  replace(
    promises,
    'open',
    (original) =>
      function (...args) {
        const isRead = (args[1] ?? 'r') === 'r';
        const open = async (): Promise<unknown> => original.apply(this, args);
        return isRead ? open() : step(open);
      },
  );
  const handle = await promises.open(process.execPath, 'r');
  const prototype: object = Object.getPrototypeOf(handle);
  await handle.close();
  replace(
    prototype,
    'truncate',
    (original) =>
      function (...args) {
        return step(async () => original.apply(this, args));
      },
  );
  replace(
    prototype,
    'write',
    (original) =>
      async function (...args) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- how the engine calls it
        const [bytes, offset, length] = args as [Uint8Array, number, number];
        try {
          if (faults.writesInMainThread) {
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the prototype is of
            const { fd } = this as promises.FileHandle;
            return { bytesWritten: writeSync(fd, bytes, offset, length) };
          }
          return await step(async () => original.apply(this, args));
        } catch (error) {
          if (faults.hidesFailures) return { bytesWritten: length };
          throw error;
        }
      },
  );
  const syncedSizes = new WeakMap<object, number>();
  for (const name of ['sync', 'datasync']) {
    replace(
      prototype,
      name,
      (original) =>
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the prototype is of
        async function (this: unknown) {
          const file = this as promises.FileHandle;
          if (faults.ignoresSync) return;
          if (faults.failsSync) {
            if ((await file.stat()).isFile()) await file.truncate(syncedSizes.get(file) ?? 0);
            if (faults.hidesFailures) return;
            throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
          }
          await step(async () => original.call(file));
          syncedSizes.set(file, (await file.stat()).size);
        },
    );
  }
  syncBuiltinESMExports();
}

function damageStore(): void {
  replace(
    FileSegmentStore.prototype,
    'read',
    (original) =>
      async function* (...args) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the method returns
        for await (const piece of original.apply(this, args) as AsyncIterable<Uint8Array>) {
          if (faults.slowReadMs > 0) await sleep(faults.slowReadMs);
          yield piece;
        }
      },
  );
  replace(
    FileBlockFiles.prototype,
    'create',
    (original) =>
      async function (...args) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the method returns
        const sink = (await original.apply(this, args)) as { commit: () => Promise<void> };
        const commit = sink.commit.bind(sink);
        sink.commit = async () => {
          await commit();
          // Whoever has it open goes on reading it.
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it is
          const files = this as FileBlockFiles;
          if (faults.losesBlocks) setTimeout(() => void files.remove(String(args[0])), 50);
        };
        return sink;
      },
  );
  replace(
    BlockArchive.prototype,
    'retain',
    (original) =>
      function (oldestMs, maxBytes) {
        return original.call(this, Number(oldestMs) + faults.retentionAheadMs, maxBytes);
      },
  );
  const { blockMs, graceMs, segmentBytes, lineBlockBytes } = faults;
  if (blockMs !== null) Reflect.set(DEFAULT_TIERED_OPTIONS, 'blockMs', blockMs);
  if (graceMs !== null) Reflect.set(DEFAULT_TIERED_OPTIONS, 'graceMs', graceMs);
  if (segmentBytes !== null) Reflect.set(DEFAULT_LOG_OPTIONS, 'segmentBytes', segmentBytes);
  if (lineBlockBytes !== null) {
    Reflect.set(DEFAULT_LOG_STORE_OPTIONS, 'blockLogBytes', lineBlockBytes);
    Reflect.set(DEFAULT_LOG_STORE_OPTIONS, 'leastJoinedBlocks', 3);
  }
}

function moveClock(): void {
  const RealDate = Date;
  const nowMs = (): number => RealDate.now() + faults.clockOffsetMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget): object =>
      Reflect.construct(target, args.length === 0 ? [nowMs()] : args, newTarget),
    get: (target, name, receiver): unknown =>
      name === 'now' ? nowMs : Reflect.get(target, name, receiver),
  });
  replace(
    globalThis,
    'setInterval',
    (original) =>
      function (run, delayMs) {
        return original.call(this, run, faults.intervalsMs[Number(delayMs)] ?? delayMs);
      },
  );
}

function listen(): void {
  process.on('message', (message: Partial<EngineFaults>) => {
    faults = { ...faults, ...message };
    process.send?.({ changed: Object.keys(message), steps: Object.fromEntries(steps) });
  });
  // The engine's end is not put off by its test.
  process.channel?.unref();
}

/** In the thread that keeps the state. */
function damageDatabase(): void {
  replace(
    DatabaseSync.prototype,
    'exec',
    (original) =>
      function (sql) {
        const weak = String(sql).replace('synchronous = FULL', 'synchronous = OFF');
        return original.call(this, faults.ignoresSync ? weak : sql);
      },
  );
}

if (isMainThread) {
  markPhases();
  damageStore();
  await damageFiles();
  moveClock();
  listen();
} else {
  damageDatabase();
}
