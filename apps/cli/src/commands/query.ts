import { Labels } from '#libs/labels';
import { z } from 'zod';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';
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
      resultType: z.literal('matrix'),
      result: z.array(z.object({ metric: labelRecord, values: z.array(sample).optional() })),
    }),
  ]),
  warnings: z.array(z.string()).optional(),
  infos: z.array(z.string()).optional(),
});

/** `binnacle query EXPR`: asks a running engine and prints `{labels} value @seconds` a line. */
export const queryCommand: Command = {
  name: 'query',
  usage: 'EXPR [--time T] [--start T --end T --step D] [--engine URL] [--json]',
  summary: 'evaluate a PromQL expression in a running engine',
  async run(args, io) {
    const { engineUrl, isJson, values, positionals } = parseEngineArguments(args, io, [
      'time',
      'start',
      'end',
      'step',
    ]);
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
      io.out(`${data.result[1]}\n`);
      break;
    case 'vector':
      for (const { metric, value } of data.result) {
        if (value) io.out(`${Labels.fromRecord(metric).toString()} ${value[1]} @${value[0]}\n`);
      }
      break;
    case 'matrix':
      for (const { metric, values = [] } of data.result) {
        const points = values.map(([seconds, value]) => `${value} @${seconds}`).join('\n  ');
        io.out(`${Labels.fromRecord(metric).toString()}\n  ${points}\n`);
      }
      break;
  }
  return 0;
}
