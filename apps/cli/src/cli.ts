import { type Command, type CommandIo, CommandUsageError, type ExitCode } from './command.ts';
import { alertsCommand } from './commands/alerts.ts';
import { backtestCommand } from './commands/backtest.ts';
import { promqltestCommand } from './commands/promqltest.ts';
import {
  checkAlertmanagerCommand,
  checkCollectorCommand,
  checkEngineCommand,
} from './commands/check.ts';
import { checkRulesCommand } from './commands/check-rules.ts';
import { dbInspectCommand, dbRepairCommand, dbVerifyCommand } from './commands/db.ts';
import { exportMetricsCommand } from './commands/export-metrics.ts';
import { hashPasswordCommand } from './commands/hash-password.ts';
import {
  importAlertmanagerCommand,
  importManifestsCommand,
  importPrometheusCommand,
} from './commands/import-config.ts';
import { importMetricsCommand } from './commands/import-metrics.ts';
import { logsCommand } from './commands/logs.ts';
import { queryCommand } from './commands/query.ts';
import { receiversTestCommand } from './commands/receivers-test.ts';
import { routesShowCommand, routesTestCommand } from './commands/routes.ts';
import { collectorCommand, engineCommand } from './commands/run-service.ts';
import { stateCopyCommand } from './commands/state-copy.ts';
import { testRulesCommand } from './commands/test-rules.ts';

import {
  silenceAckCommand,
  silenceAddCommand,
  silenceExpireCommand,
  silenceQueryCommand,
} from './commands/silence.ts';
import { templateRenderCommand } from './commands/template-render.ts';

const COMMANDS: readonly Command[] = [
  engineCommand,
  collectorCommand,
  checkEngineCommand,
  checkCollectorCommand,
  checkRulesCommand,
  testRulesCommand,
  backtestCommand,
  checkAlertmanagerCommand,
  queryCommand,
  alertsCommand,
  logsCommand,
  silenceAddCommand,
  silenceAckCommand,
  silenceQueryCommand,
  silenceExpireCommand,
  receiversTestCommand,
  routesShowCommand,
  routesTestCommand,
  templateRenderCommand,
  hashPasswordCommand,
  promqltestCommand,
  dbInspectCommand,
  dbVerifyCommand,
  dbRepairCommand,
  stateCopyCommand,
  exportMetricsCommand,
  importMetricsCommand,
  importPrometheusCommand,
  importAlertmanagerCommand,
  importManifestsCommand,
];

/** Runs `binnacle ARGS…`. */
export async function runCli(args: readonly string[], io: CommandIo): Promise<ExitCode> {
  const [first] = args;
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    io.out(helpText(COMMANDS));
    return first === undefined ? 2 : 0;
  }
  const command = COMMANDS.find(({ name }) => isPrefix(name.split(' '), args));
  if (command === undefined) {
    const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
    const isGroup = group.length > 0;
    const text = helpText(isGroup ? group : COMMANDS);
    if (isGroup && asksForHelp(args)) {
      io.out(text);
      return 0;
    }
    const words = JSON.stringify(isGroup ? args.slice(0, 2).join(' ') : first);
    io.err(`binnacle: unknown command ${words}\n${text}`);
    return 2;
  }
  if (asksForHelp(args)) {
    io.out(`usage: binnacle ${command.name} ${command.usage}\n\n${command.summary}\n`);
    return 0;
  }
  try {
    return await command.run(args.slice(command.name.split(' ').length), io);
  } catch (error) {
    if (!(error instanceof CommandUsageError)) throw error;
    io.err(
      `binnacle ${command.name}: ${error.message}\nusage: binnacle ${command.name} ${command.usage}\n`,
    );
    return 2;
  }
}

function isPrefix(words: readonly string[], args: readonly string[]): boolean {
  return words.every((word, i) => args[i] === word);
}

/** Before `--`, behind which everything is meant as it stands. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}

function helpText(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  const more = 'binnacle COMMAND --help says what a command takes';
  return `usage: binnacle COMMAND …\n\n${rows.join('\n')}\n\n${more}\n`;
}
