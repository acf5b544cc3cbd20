import { parseArgs } from 'node:util';
import { z } from 'zod';
import { collectorsBehind, CollectorStreamError, linesOf } from '../collector-stream.ts';
import { shownEngine } from '../engine-address.ts';
import { type Command, type CommandIo, CommandUsageError } from '../command.ts';
import { printable } from '../printable.ts';

const FILTERS = ['namespace', 'pod', 'container', 'level', 'grep'] as const;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

const newsSchema = z.union([
  z.object({ dropped: z.number() }),
  z.object({
    time: z.string(),
    namespace: z.string(),
    pod: z.string(),
    container: z.string(),
    level: z.string(),
    stream: z.string(),
    message: z.string(),
  }),
]);

interface Arguments {
  readonly collectors: readonly string[];
  readonly params: URLSearchParams;
  readonly isJson: boolean;
}

/** `binnacle logs -f`: what goes through the collectors, as it comes. */
export const logsCommand: Command = {
  name: 'logs',
  usage:
    '-f [--namespace N] [--pod P] [--container C] [--level L] [--grep TEXT] [--collector URL]… [--json]',
  summary: 'watch log lines as they go through the collectors',
  async run(args, io) {
    const { collectors, params, isJson } = parseArguments(args, io);
    let isWatched = false;
    const watch = async (collector: string): Promise<void> => {
      try {
        for await (const line of linesOf(collector, 'api/v1/logs/live', params)) {
          isWatched = true;
          print(line, isJson, io);
          await io.outDrained?.();
        }
        io.err(`binnacle logs: ${shownEngine(collector)} has ended\n`);
      } catch (error) {
        if (!(error instanceof CollectorStreamError)) throw error;
        io.err(`binnacle logs: ${error.message}\n`);
      }
    };
    try {
      const found = await collectorsBehind(collectors);
      await Promise.all(found.map(watch));
    } catch (error) {
      if (!(error instanceof CollectorStreamError)) throw error;
      io.err(`binnacle logs: ${error.message}\n`);
    }
    return isWatched ? 0 : 1;
  },
};

function parseArguments(args: readonly string[], io: CommandIo): Arguments {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        follow: { type: 'boolean', short: 'f' },
        json: { type: 'boolean' },
        collector: { type: 'string', multiple: true },
        namespace: { type: 'string', short: 'n' },
        pod: { type: 'string' },
        container: { type: 'string', short: 'c' },
        level: { type: 'string' },
        grep: { type: 'string' },
      },
    });
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
  const { values } = parsed;
  if (values.follow !== true) {
    throw new CommandUsageError('shows what comes from now on, and is told so by -f');
  }
  if (values.level !== undefined && !LEVELS.includes(values.level)) {
    throw new CommandUsageError(`--level takes ${LEVELS.join(', ')}`);
  }
  const collectors = values.collector ?? [io.env['BINNACLE_COLLECTOR'] ?? 'http://127.0.0.1:9371'];
  for (const url of collectors) {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new CommandUsageError('--collector takes a URL such as http://127.0.0.1:9371');
    }
  }
  const params = new URLSearchParams();
  for (const name of FILTERS) {
    const value = values[name];
    if (value !== undefined) params.set(name, value);
  }
  return { collectors, params, isJson: values.json === true };
}

function print(line: string, isJson: boolean, io: CommandIo): void {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = null;
  }
  const news = newsSchema.safeParse(value);
  if (!news.success) return;
  if ('dropped' in news.data) {
    io.err(`… ${news.data.dropped} records were left out, there were too many …\n`);
    return;
  }
  if (isJson) {
    io.out(`${line}\n`);
    return;
  }
  const { time, namespace, pod, container, level, message } = news.data;
  const place = [namespace, pod, container].filter((part) => part !== '').join('/');
  const head = [time, place, level.toUpperCase()].filter((part) => part !== '').join(' ');
  io.out(`${printable(head)} ${printable(message)}\n`);
}
