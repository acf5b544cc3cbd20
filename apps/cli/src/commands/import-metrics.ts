import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { WrittenFormat } from '#libs/exposition';
import { DataDirectoryError, describeFileError } from '#libs/node-files';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';
import { EngineRequestError } from '../engine-client.ts';
import { BlockTarget } from '../import-to-blocks.ts';
import { EngineTarget } from '../import-to-engine.ts';
import type { ImportTarget } from '../import-target.ts';
import { MetricsTextError, MetricsTextReader } from '../metrics-text.ts';
import { Progress } from '../progress.ts';

const READ_BYTES = 256 * 1_024;

interface ImportOptions {
  /** `-` for standard input. */
  readonly file: string;
  readonly format: WrittenFormat;
  readonly target: { readonly engineUrl: string } | { readonly data: string };
}

/** `binnacle import metrics`: a metrics text with times, into a running engine or a stopped one's data directory. */
export const importMetricsCommand: Command = {
  name: 'import metrics',
  usage: 'FILE|- [--engine URL | --data DIR] [--format openmetrics|text]',
  summary: 'take samples out of a metrics text into a running engine, or into a stopped one’s data',
  async run(args, io) {
    const options = parseOptions(args, io);
    const target =
      'data' in options.target
        ? await openBlocks(resolve(io.cwd ?? '', options.target.data))
        : new EngineTarget(options.target.engineUrl);
    try {
      return await importAll(options, target, io);
    } finally {
      await target.close();
    }
  },
};

async function openBlocks(data: string): Promise<BlockTarget> {
  try {
    return await BlockTarget.open(data, Date.now());
  } catch (error) {
    if (error instanceof DataDirectoryError) throw new CommandUsageError(error.message);
    throw error;
  }
}

function parseOptions(args: readonly string[], io: CommandIo): ImportOptions {
  const { values, positionals } = argumentsOf(args);
  const { engine, data, format = 'openmetrics' } = values;
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) {
    throw new CommandUsageError('takes one file, or - for standard input');
  }
  if (format !== 'openmetrics' && format !== 'text') {
    throw new CommandUsageError(
      '--format takes openmetrics, or text for the Prometheus text format',
    );
  }
  if (data !== undefined && engine !== undefined) {
    throw new CommandUsageError('takes --engine or --data, not both');
  }
  if (data !== undefined) return { file, format, target: { data } };
  const engineUrl = engine ?? io.env['BINNACLE_ENGINE'] ?? 'http://127.0.0.1:9370';
  if (!URL.canParse(engineUrl)) {
    throw new CommandUsageError('--engine takes a URL such as http://127.0.0.1:9370');
  }
  return { file, format, target: { engineUrl } };
}

function argumentsOf(args: readonly string[]): {
  readonly values: {
    readonly engine?: string | undefined;
    readonly data?: string | undefined;
    readonly format?: string | undefined;
  };
  readonly positionals: readonly string[];
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        engine: { type: 'string' },
        data: { type: 'string' },
        format: { type: 'string' },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
}

async function importAll(
  options: ImportOptions,
  target: ImportTarget,
  io: CommandIo,
): Promise<ExitCode> {
  const { file, format } = options;
  const shownFile = file === '-' ? 'standard input' : file;
  const progress = new Progress(io);
  const reader = new MetricsTextReader(format, target);
  let failure: string | null = null;
  try {
    const source = await openSource(file, io, (text) => {
      progress.show(() => `${text}, ${target.describe()}`);
    });
    const { exemplars } = await reader.read(source);
    if (exemplars > 0) io.err(`${exemplars} exemplars left out: only samples are imported\n`);
  } catch (error) {
    if (error instanceof MetricsTextError) {
      failure = `${shownFile}:${error.line}: ${error.message}; what is before this line is imported`;
      if (/# EOF/.test(error.message) && format === 'openmetrics') {
        failure += '. The Prometheus text format is read with --format text';
      }
    } else if (error instanceof EngineRequestError) {
      failure = error.message;
    } else {
      throw error;
    }
  }
  try {
    await target.finish();
  } catch (error) {
    if (!(error instanceof EngineRequestError)) throw error;
    failure ??= error.message;
  }
  io.out(`${target.describe()}\n`);
  for (const remark of target.remarks()) io.out(`${remark}\n`);
  for (const problem of target.problems()) io.err(`${problem}\n`);
  if (failure !== null) io.err(`binnacle import metrics: ${failure}\n`);
  return failure === null && target.problems().length === 0 ? 0 : 1;
}

/** @throws CommandUsageError when there is no such file */
async function openSource(
  file: string,
  io: CommandIo,
  onProgress: (text: string) => void,
): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') {
    if (io.input === undefined) throw new CommandUsageError('there is no standard input to read');
    return counted(io.input, (bytes) => onProgress(`${mebibytes(bytes)} MiB read`));
  }
  let handle: FileHandle;
  try {
    handle = await open(resolve(io.cwd ?? '', file));
  } catch (error) {
    throw new CommandUsageError(`${file} cannot be read: ${describeFileError(error)}`);
  }
  const info = await handle.stat();
  if (info.isDirectory()) {
    await handle.close();
    throw new CommandUsageError(`${file} is a folder`);
  }
  const source = handle.createReadStream({ highWaterMark: READ_BYTES });
  return counted(source, (bytes) =>
    onProgress(`${mebibytes(bytes)} of ${mebibytes(info.size)} MiB read`),
  );
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const part of source) {
    bytes += part.length;
    yield part;
    onBytes(bytes);
  }
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
