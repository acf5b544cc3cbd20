import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseRfc3339Ms } from '#libs/calendar';
import { TemplateParseError } from '#libs/go-template';
import { Labels } from '#libs/labels';
import { MessageTemplates, type TemplateFault } from '#libs/notify';
import { z } from 'zod';
import { type Command, CommandUsageError } from '../command.ts';

const labelSet = z.record(z.string(), z.string()).default({});
/** The body of a webhook, which is what most people have at hand; all may be left out. */
const dataSchema = z.object({
  receiver: z.string().default('receiver'),
  status: z.enum(['firing', 'resolved']).default('firing'),
  groupKey: z.string().default('{}:{}'),
  externalURL: z.string().default('http://localhost:9370'),
  notification_reason: z.string().default('first notification'),
  groupLabels: labelSet,
  commonLabels: labelSet,
  commonAnnotations: labelSet,
  alerts: z
    .array(
      z.object({
        status: z.enum(['firing', 'resolved']).default('firing'),
        labels: labelSet,
        annotations: labelSet,
        startsAt: z.string().default('2026-01-01T00:00:00Z'),
        endsAt: z.string().nullish(),
        generatorURL: z.string().default(''),
      }),
    )
    .default([]),
});

const EXAMPLE = {
  groupLabels: { alertname: 'Example' },
  commonLabels: { alertname: 'Example', severity: 'warning' },
  commonAnnotations: { summary: 'This is an example' },
  alerts: [
    {
      labels: { alertname: 'Example', severity: 'warning', instance: 'host-1:9100' },
      annotations: { summary: 'This is an example' },
    },
    {
      labels: { alertname: 'Example', severity: 'warning', instance: 'host-2:9100' },
      annotations: { summary: 'This is an example' },
    },
  ],
};

/** `binnacle template render`: what a text of a configuration becomes. */
export const templateRenderCommand: Command = {
  name: 'template render',
  usage: '--text TEXT [--data FILE] [--html] [TEMPLATES…]',
  summary: 'expand a text of a receiver with template files and the body of a webhook',
  async run(args, io) {
    let parsed;
    try {
      parsed = parseArgs({
        args: [...args],
        options: { text: { type: 'string' }, data: { type: 'string' }, html: { type: 'boolean' } },
        allowPositionals: true,
      });
    } catch (error) {
      throw new CommandUsageError(error instanceof Error ? error.message : String(error));
    }
    const { text, data: dataFile, html: isHtml = false } = parsed.values;
    if (text === undefined) throw new CommandUsageError('--text is what to expand');
    try {
      const files = await Promise.all(
        parsed.positionals.map(async (file) => [file, await readFile(file, 'utf8')] as const),
      );
      const json: unknown =
        dataFile === undefined ? EXAMPLE : JSON.parse(await readFile(dataFile, 'utf8'));
      const data = dataSchema.safeParse(json);
      if (!data.success) throw new Error(`${dataFile}: ${z.prettifyError(data.error)}`);
      const faults: TemplateFault[] = [];
      const shown = MessageTemplates.create(files).expand(
        text,
        valueOf(data.data),
        { field: 'text', isHtml, nowMs: Date.now() },
        faults,
      );
      for (const { message } of faults) io.err(`binnacle template render: ${message}\n`);
      if (shown === null) return 1;
      io.out(`${shown}\n`);
      return 0;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const place = error instanceof TemplateParseError ? `line ${error.line}: ` : '';
      io.err(`binnacle template render: ${place}${error.message}\n`);
      return 1;
    }
  },
};

function valueOf(data: z.output<typeof dataSchema>) {
  return MessageTemplates.valueOf({
    receiver: data.receiver,
    status: data.status,
    alerts: data.alerts.map((alert) => {
      const labels = Labels.fromRecord(alert.labels);
      const isOver = alert.status === 'resolved' && typeof alert.endsAt === 'string';
      return {
        status: alert.status,
        labels,
        annotations: Labels.fromRecord(alert.annotations),
        startsAtMs: parseRfc3339Ms(alert.startsAt) ?? 0,
        endsAtMs: isOver ? (parseRfc3339Ms(alert.endsAt ?? '') ?? 0) : null,
        generatorUrl: alert.generatorURL,
        fingerprint: labels.fingerprint,
      };
    }),
    reason: data.notification_reason,
    groupKey: data.groupKey,
    groupLabels: Labels.fromRecord(data.groupLabels),
    commonLabels: Labels.fromRecord(data.commonLabels),
    commonAnnotations: Labels.fromRecord(data.commonAnnotations),
    externalUrl: data.externalURL,
  });
}
