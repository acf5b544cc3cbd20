import { Labels } from '#libs/labels';
import { LogqlSyntaxError, parseLogql } from '#libs/logql';
import { z } from 'zod';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';
import { printable } from '../printable.ts';
import { askEngine, EngineRequestError, parseEngineArguments } from '../engine-client.ts';

const sample = z.tuple([z.number(), z.string()]);
const labelRecord = z.record(z.string(), z.string());
const answerSchema = z.object({
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.enum(['scalar', 'string']), result: sample }),
    z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric: labelRecord, value: sample.optional() })),
    }),
    z.object({
      resultType: z.literal('streams'),
      result: z.array(
        z.object({
          stream: labelRecord,
          values: z.array(z.tuple([z.string().regex(/^\d{1,19}$/), z.string()])),
        }),
      ),
    }),
    z.object({
      resultType: z.literal('matrix'),
      result: z.array(z.object({ metric: labelRecord, values: z.array(sample).optional() })),
    }),
  ]),
  warnings: z.array(z.string()).optional(),
  infos: z.array(z.string()).optional(),
});

interface LogStreamAnswer {
  readonly stream: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [string, string])[];
}

/** `binnacle query EXPR`, `binnacle query --logs EXPR`: asks a running engine and prints `{labels} value @seconds` a line. */
export const queryCommand: Command = {
  name: 'query',
  usage:
    'EXPR | --logs EXPR [--since D] [--limit N]  [--time T] [--start T --end T --step D] [--engine URL] [--json]',
  summary: 'evaluate PromQL, or with --logs LogQL, in a running engine',
  async run(args, io) {
    const { engineUrl, isJson, values, positionals } = parseEngineArguments(args, io, [
      'time',
      'start',
      'end',
      'step',
      'logs',
      'since',
      'limit',
    ]);
    if (values.logs !== undefined) {
      if (positionals.length > 0) {
        throw new CommandUsageError('takes one expression (quote it for the shell)');
      }
      return queryLogs({ engineUrl, isJson, expr: values.logs, values }, io);
    }
    if (values.since !== undefined || values.limit !== undefined) {
      throw new CommandUsageError('--since and --limit are for --logs');
    }
    const [expr] = positionals;
    if (expr === undefined || positionals.length > 1) {
      throw new CommandUsageError('takes one expression (quote it for the shell)');
    }
    const { start, end, step, time } = values;
    const isRange = start !== undefined || end !== undefined || step !== undefined;
    if (isRange && (start === undefined || end === undefined || step === undefined)) {
      throw new CommandUsageError('--start, --end and --step go together');
    }
    const params: Record<string, string> = { query: expr };
    if (isRange) Object.assign(params, { start, end, step });
    else if (time !== undefined) params['time'] = time;
    return printAnswer(
      engineUrl,
      isRange ? 'api/v1/query_range' : 'api/v1/query',
      params,
      isJson,
      io,
    );
  },
};

interface LogQuestion {
  readonly engineUrl: string;
  readonly isJson: boolean;
  readonly expr: string;
  readonly values: Readonly<
    Partial<Record<'time' | 'start' | 'end' | 'step' | 'since' | 'limit', string>>
  >;
}

/** Lines of a log query, the oldest first; or numbers, of one time unless a step makes it a range. */
async function queryLogs(
  { engineUrl, isJson, expr, values }: LogQuestion,
  io: CommandIo,
): Promise<ExitCode> {
  const { time, step } = values;
  const params: Record<string, string> = { query: expr };
  for (const name of ['start', 'end', 'since', 'step', 'limit'] as const) {
    const value = values[name];
    if (value !== undefined) params[name] = value;
  }
  let isLines: boolean;
  try {
    isLines = parseLogql(expr).kind === 'log';
  } catch (error) {
    if (!(error instanceof LogqlSyntaxError)) throw error;
    io.err(`binnacle query: ${error.message}\n`);
    return 1;
  }
  if (!isLines && step === undefined) {
    const instant = { query: expr, ...(time === undefined ? {} : { time }) };
    return printAnswer(engineUrl, 'loki/api/v1/query', instant, isJson, io);
  }
  return printAnswer(engineUrl, 'loki/api/v1/query_range', params, isJson, io);
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return printable(Labels.fromRecord(labels).toString());
}

/** `TIME {labels} line` each, the oldest first. */
function printLines(streams: readonly LogStreamAnswer[], io: CommandIo): void {
  const lines = streams.flatMap(({ stream, values }) => {
    const labels = labelText(stream);
    return values.map(([timeNs, line]) => ({ timeNs: BigInt(timeNs), labels, line }));
  });
  lines.sort((a, b) => (a.timeNs === b.timeNs ? 0 : a.timeNs < b.timeNs ? -1 : 1));
  for (const { timeNs, labels, line } of lines) {
    const time = new Date(Number(timeNs / 1_000_000n)).toISOString();
    io.out(`${time} ${labels} ${printable(line)}\n`);
  }
}

async function printAnswer(
  engineUrl: string,
  path: string,
  params: Readonly<Record<string, string>>,
  isJson: boolean,
  io: CommandIo,
): Promise<ExitCode> {
  let body: unknown;
  try {
    body = await askEngine(engineUrl, path, params);
  } catch (error) {
    if (!(error instanceof EngineRequestError)) throw error;
    io.err(`binnacle query: ${error.message}\n`);
    return 1;
  }
  if (isJson) {
    io.out(`${JSON.stringify(body)}\n`);
    return 0;
  }
  const { data, warnings = [], infos = [] } = answerSchema.parse(body);
  for (const note of [...warnings, ...infos]) io.err(`${note}\n`);
  switch (data.resultType) {
    case 'scalar':
    case 'string':
      io.out(`${printable(data.result[1])}\n`);
      break;
    case 'streams':
      printLines(data.result, io);
      break;
    case 'vector':
      for (const { metric, value } of data.result) {
        if (value) io.out(`${labelText(metric)} ${value[1]} @${value[0]}\n`);
      }
      break;
    case 'matrix':
      for (const { metric, values = [] } of data.result) {
        const points = values.map(([seconds, value]) => `${value} @${seconds}`).join('\n  ');
        io.out(`${labelText(metric)}\n  ${points}\n`);
      }
      break;
  }
  return 0;
}
