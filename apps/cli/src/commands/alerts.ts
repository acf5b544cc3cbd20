import { Labels } from '#libs/labels';
import { z } from 'zod';
import { type Command, CommandUsageError } from '../command.ts';
import { askEngine, EngineRequestError, parseEngineArguments } from '../engine-client.ts';

const answerSchema = z.object({
  data: z.object({
    alerts: z.array(
      z.object({
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()).default({}),
        state: z.string(),
        activeAt: z.string().optional(),
        value: z.string(),
      }),
    ),
  }),
});

/** `binnacle alerts`: what is pending or firing now. */
export const alertsCommand: Command = {
  name: 'alerts',
  usage: '[--engine URL] [--json]',
  summary: 'list the alerts that are pending or firing in a running engine',
  async run(args, io) {
    const { engineUrl, isJson, positionals } = parseEngineArguments(args, io, []);
    if (positionals.length > 0) throw new CommandUsageError('takes no arguments');
    let body: unknown;
    try {
      body = await askEngine(engineUrl, 'api/v1/alerts');
    } catch (error) {
      if (!(error instanceof EngineRequestError)) throw error;
      io.err(`binnacle alerts: ${error.message}\n`);
      return 1;
    }
    if (isJson) {
      io.out(`${JSON.stringify(body)}\n`);
      return 0;
    }
    const { alerts } = answerSchema.parse(body).data;
    for (const { labels, annotations, state, activeAt, value } of alerts) {
      const name = labels['alertname'] ?? '';
      const rest = Labels.fromRecord(labels).with('alertname', '').toString();
      io.out(`${state.padEnd(8)} ${name} ${rest} value ${value} since ${activeAt ?? 'unknown'}\n`);
      const text = annotations['summary'] ?? annotations['description'];
      if (text !== undefined) io.out(`         ${text}\n`);
    }
    if (alerts.length === 0) io.out('no alert is pending or firing\n');
    return 0;
  },
};
