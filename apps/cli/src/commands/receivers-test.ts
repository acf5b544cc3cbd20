import { z } from 'zod';
import { type Command, CommandUsageError } from '../command.ts';
import { askEngine, EngineRequestError, parseEngineArguments } from '../engine-client.ts';
import { parseLabels } from './routes.ts';

const answerSchema = z.object({
  data: z.object({
    integrations: z.array(
      z.object({
        integration: z.string(),
        index: z.number(),
        isDelivered: z.boolean(),
        error: z.string().nullable(),
        templateFaults: z.array(z.string()),
        latencyMs: z.number(),
      }),
    ),
  }),
});

/** `binnacle receivers test NAME`: sends a test message. */
export const receiversTestCommand: Command = {
  name: 'receivers test',
  usage: '[--engine URL] [--status firing|resolved] [--json] RECEIVER [LABEL=VALUE…]',
  summary: 'have a running engine send a test message to a receiver',
  async run(args, io) {
    const { engineUrl, isJson, values, positionals } = parseEngineArguments(args, io, ['status']);
    const [name, ...pairs] = positionals;
    if (name === undefined) throw new CommandUsageError('takes the name of a receiver');
    const { status } = values;
    if (status !== undefined && status !== 'firing' && status !== 'resolved') {
      throw new CommandUsageError('--status takes firing or resolved');
    }
    const labels = pairs.length === 0 ? {} : { labels: parseLabels(pairs).toRecord() };
    let body: unknown;
    try {
      body = await askEngine(
        engineUrl,
        `api/v1/receivers/${encodeURIComponent(name)}/test`,
        {},
        { method: 'POST', body: { ...labels, ...(status === undefined ? {} : { status }) } },
      );
    } catch (error) {
      if (!(error instanceof EngineRequestError)) throw error;
      io.err(`binnacle receivers test: ${error.message}\n`);
      return 1;
    }
    const { integrations } = answerSchema.parse(body).data;
    if (isJson) io.out(`${JSON.stringify(body)}\n`);
    else {
      for (const {
        integration,
        index,
        isDelivered,
        error,
        templateFaults,
        latencyMs,
      } of integrations) {
        const how = isDelivered ? 'delivered' : `failed: ${error ?? 'unknown'}`;
        io.out(`${integration}[${index}] ${how} (${latencyMs} ms)\n`);
        for (const fault of templateFaults) io.out(`  template: ${fault}\n`);
      }
      if (integrations.length === 0) io.out('the receiver has no integrations\n');
    }
    return integrations.every(
      ({ isDelivered, templateFaults }) => isDelivered && templateFaults.length === 0,
    )
      ? 0
      : 1;
  },
};
