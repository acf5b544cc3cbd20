import { formatDurationMs, Labels } from '#libs/labels';
import { z } from 'zod';
import { type Command, CommandUsageError } from '../command.ts';
import { askEngine, EngineRequestError, parseEngineArguments } from '../engine-client.ts';
import { printable } from '../printable.ts';

const alertSchema = z.object({
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()).default({}),
  state: z.string(),
  activeAt: z.string().optional(),
  value: z.string(),
});
const answerSchema = z.object({ data: z.object({ alerts: z.array(alertSchema) }) });

type Alert = z.infer<typeof alertSchema>;

/** The worst first; severities of others come behind. */
const SEVERITIES = ['critical', 'warning', 'info'];

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
    for (const alert of alerts.toSorted(byUrgency)) io.out(`${textOf(alert, Date.now())}\n`);
    io.out(alerts.length === 0 ? 'no alert is pending or firing\n' : `${summaryOf(alerts)}\n`);
    return 0;
  },
};

function severityOf({ labels }: Alert): string {
  return labels['severity'] ?? '';
}

function rankOf(severity: string): number {
  const rank = SEVERITIES.indexOf(severity);
  return rank === -1 ? SEVERITIES.length : rank;
}

function sinceMs({ activeAt }: Alert): number {
  return activeAt === undefined ? Number.NaN : Date.parse(activeAt);
}

/** What fires before what does not yet, then the worst, then what is new: that is at the top of a screen. */
function byUrgency(a: Alert, b: Alert): number {
  const pending = Number(a.state !== 'firing') - Number(b.state !== 'firing');
  if (pending !== 0) return pending;
  return rankOf(severityOf(a)) - rankOf(severityOf(b)) || (sinceMs(b) || 0) - (sinceMs(a) || 0);
}

function textOf(alert: Alert, nowMs: number): string {
  const { labels, annotations, state, value } = alert;
  const name = labels['alertname'] ?? '';
  const rest = Labels.fromRecord(labels).with('alertname', '').with('severity', '').toString();
  const from = sinceMs(alert);
  const since = Number.isNaN(from)
    ? 'unknown'
    : `${new Date(from).toISOString().replace(/\.\d+Z/, 'Z')} (${age(nowMs - from)})`;
  const head = `${state.padEnd(8)} ${severityOf(alert).padEnd(8)} ${name} ${rest}`;
  const text = annotations['summary'] ?? annotations['description'];
  const lines = [`${head} value ${plain(value)} since ${since}`];
  if (text !== undefined) lines.push(`${' '.repeat(18)}${text}`);
  return lines.map(printable).join('\n');
}

/** The engine writes `4.428e+03`, as Prometheus does; infinities stay as they are. */
function plain(value: string): string {
  const number = Number(value);
  return Number.isFinite(number) ? String(number) : value;
}

/** In minutes: of an alert that has lasted for hours, nobody asks for the second. */
function age(ms: number): string {
  return ms < 60_000 ? 'now' : formatDurationMs(Math.floor(ms / 60_000) * 60_000);
}

function summaryOf(alerts: readonly Alert[]): string {
  const firing = alerts.filter(({ state }) => state === 'firing');
  const bySeverity = Map.groupBy(firing, (alert) => severityOf(alert) || 'without severity');
  const counts = [...bySeverity]
    .toSorted(([a], [b]) => rankOf(a) - rankOf(b))
    .map(([severity, { length }]) => `${length} ${severity}`);
  const pending = alerts.length - firing.length;
  const parts = [
    `${firing.length} firing${counts.length > 0 ? ` (${counts.join(', ')})` : ''}`,
    ...(pending > 0 ? [`${pending} pending`] : []),
  ];
  return printable(parts.join(', '));
}
