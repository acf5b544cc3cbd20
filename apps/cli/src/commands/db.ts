import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  DataDirectoryError,
  describeFileError,
  FileBlockFiles,
  FileSegmentStore,
  lockDirectory,
  ReadOnlyBlockFiles,
  ReadOnlySegmentStore,
} from '#libs/node-files';
import type { Pace } from '#libs/pace';
import type { Timer } from '#libs/record-log';
import { BlockArchive, type ReplayReport, TimeSeriesStore } from '#libs/tsdb';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';

const USAGE = '--data DIR';
const SECONDS_PER_PROGRESS = 2;

const timer: Timer = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    return () => clearTimeout(handle);
  },
};
const pace: Pace = { isDue: () => false, rest: () => yieldToLoop() };

/** `binnacle db inspect`: what an engine's store holds. */
export const dbInspectCommand: Command = {
  name: 'db inspect',
  usage: USAGE,
  summary: "list the log segments and blocks of an engine's data directory",
  run: (args, io) =>
    withFolder(args, async (folder) => {
      const segments = await new ReadOnlySegmentStore(folder).list();
      const logBytes = segments.reduce((sum, { bytes }) => sum + bytes, 0);
      io.out(`log: ${segments.length} segments, ${size(logBytes)}\n`);
      for (const { sequence, bytes } of segments) io.out(`  segment ${sequence}  ${size(bytes)}\n`);
      const archive = new BlockArchive(new ReadOnlyBlockFiles(join(folder, 'blocks')), pace);
      const { damaged, bytes } = await archive.open();
      io.out(`blocks: ${archive.blocks.length}, ${size(bytes)}\n`);
      for (const { name, bytes: blockBytes, contents } of archive.blocks) {
        const { level, minMs, maxMs, seriesCount, sampleCount } = contents;
        io.out(
          `  ${name}  level ${level}  ${new Date(minMs).toISOString()} to ${new Date(maxMs).toISOString()}  ` +
            `${seriesCount} series  ${sampleCount} samples  ${size(blockBytes)}\n`,
        );
      }
      for (const { name, reason } of damaged) io.out(`  ${name}  cannot be used: ${reason}\n`);
      await archive.close();
      return damaged.length === 0 ? 0 : 1;
    }),
};

/** `binnacle db verify`: reads everything and changes nothing. */
export const dbVerifyCommand: Command = {
  name: 'db verify',
  usage: USAGE,
  summary: "read an engine's whole store and say what is damaged; nothing is changed",
  run: (args, io) =>
    withFolder(args, async (folder) => {
      const findings = await verifyLog(new ReadOnlySegmentStore(folder), io);
      const archive = new BlockArchive(new ReadOnlyBlockFiles(join(folder, 'blocks')), pace);
      const damagedBlocks = await verifyBlocks(archive, io);
      await archive.close();
      return conclude(findings + damagedBlocks.findings, io);
    }),
};

/** `binnacle db repair`: sets damaged parts aside and keeps what is sound. */
export const dbRepairCommand: Command = {
  name: 'db repair',
  usage: USAGE,
  summary: "set damaged parts of a stopped engine's store aside as *.corrupt and keep the rest",
  run: (args, io) =>
    withFolder(args, async (folder, data) => {
      const lock = await lockDirectory(data);
      try {
        const findings = await verifyLog(new FileSegmentStore(folder), io);
        const archive = new BlockArchive(new FileBlockFiles(join(folder, 'blocks')), pace);
        const damagedBlocks = await verifyBlocks(archive, io);
        for (const name of damagedBlocks.names) {
          const { kept } = await archive.repair(name);
          io.out(`${name}: set aside; ${kept} of its samples are in a new block\n`);
        }
        await archive.close();
        return conclude(findings + damagedBlocks.findings, io);
      } finally {
        await lock.release();
      }
    }),
};

/** Runs something on the store below `--data`. @throws CommandUsageError where there is none */
async function withFolder(
  args: readonly string[],
  run: (folder: string, data: string) => Promise<ExitCode>,
): Promise<ExitCode> {
  let data: string | undefined;
  try {
    data = parseArgs({ args: [...args], options: { data: { type: 'string' } } }).values.data;
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
  if (data === undefined) throw new CommandUsageError('needs --data');
  const folder = join(data, 'metrics');
  try {
    await stat(join(folder, 'blocks'));
  } catch (error) {
    throw new CommandUsageError(`no store of an engine in ${data}: ${describeFileError(error)}`);
  }
  try {
    return await run(folder, data);
  } catch (error) {
    if (error instanceof DataDirectoryError) throw new CommandUsageError(error.message);
    throw error;
  }
}

/** Reads the log as a start does. @returns how much is wrong */
async function verifyLog(segments: FileSegmentStore, io: CommandIo): Promise<number> {
  const store = new TimeSeriesStore(segments, timer);
  let shownMs = performance.now();
  const report = await store.open(({ bytes, totalBytes }) => {
    if (performance.now() - shownMs < SECONDS_PER_PROGRESS * 1_000) return;
    shownMs = performance.now();
    io.err(`log: ${Math.floor((100 * bytes) / totalBytes)} %\n`);
  });
  await store.close();
  io.out(
    `log: ${report.segments} segments, ${report.samples} samples of ${report.series} series\n`,
  );
  return describeLog(report, io);
}

function describeLog(report: ReplayReport, io: CommandIo): number {
  const findings: string[] = [];
  if (report.damagedRecords > 0) {
    findings.push(`${report.damagedRecords} damaged stretches of ${report.damagedBytes} bytes`);
  }
  if (report.unknownRecords > 0) findings.push(`${report.unknownRecords} records not understood`);
  if (report.orphanedSamples > 0) {
    findings.push(`${report.orphanedSamples} samples of series whose definition is lost`);
  }
  for (const { sequence, reason } of report.unreadableSegments) {
    findings.push(`segment ${sequence} cannot be read: ${reason}`);
  }
  for (const finding of findings) io.out(`DAMAGED log: ${finding}\n`);
  for (const sequence of report.segmentsSetAside) io.out(`DAMAGED log: in segment ${sequence}\n`);
  // The write that a kill interrupted was never acknowledged.
  if (report.tornBytes > 0) {
    const where = report.tornSegments.map((sequence) => `segment ${sequence}`).join(', ');
    io.out(`log: an unfinished write of ${report.tornBytes} bytes at the end of ${where}\n`);
  }
  return findings.length;
}

async function verifyBlocks(
  archive: BlockArchive,
  io: CommandIo,
): Promise<{ readonly findings: number; readonly names: readonly string[] }> {
  let findings = 0;
  const names = new Set<string>();
  archive.onDamage = (name, error) => {
    findings++;
    names.add(name);
    io.out(`DAMAGED ${name}: ${error.message}\n`);
  };
  const { damaged } = await archive.open();
  for (const { name, reason } of damaged) io.out(`DAMAGED ${name}: ${reason}\n`);
  let samples = 0;
  for (const { name } of archive.blocks) {
    for await (const { chunks } of archive.scan(name)) {
      for (const { count } of chunks) samples += count;
    }
    await archive.checkIndex(name);
  }
  io.out(`blocks: ${archive.blocks.length}, ${samples} samples\n`);
  return { findings: findings + damaged.length, names: [...names] };
}

function conclude(findings: number, io: CommandIo): ExitCode {
  io.out(findings === 0 ? 'no damage\n' : `${findings} findings\n`);
  return findings === 0 ? 0 : 1;
}

function size(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
