import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseAlertmanagerConfig } from '#libs/dispatch';
import { loadTemplates } from '#libs/node-delivery';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';
import { runService } from './run-service.ts';

/** `binnacle check engine|collector FILE…`: the services read their own files, each or as one, and start nothing. */
export const checkEngineCommand: Command = {
  name: 'check engine',
  usage: 'FILE… | --config FILE [--config FILE]…',
  summary: 'check an engine configuration and the files it names; those after --config are merged',
  run: (args) => checkWithService('alert-engine', args),
};

export const checkCollectorCommand: Command = {
  name: 'check collector',
  usage: 'FILE… | --config FILE [--config FILE]…',
  summary:
    'check a collector configuration and the files it names; those after --config are merged',
  run: (args) => checkWithService('collector', args),
};

/** `binnacle check alertmanager FILE…`. */
export const checkAlertmanagerCommand: Command = {
  name: 'check alertmanager',
  usage: 'FILE…',
  summary: 'check alertmanager.yml files and their template files',
  run: (args, io) =>
    checkFiles(args, io, async (text, file) => {
      const { receivers, inhibitRules, templates } = parseAlertmanagerConfig(text, file);
      const { files } = await loadTemplates(templates, dirname(file));
      return `${receivers.length} receivers, ${inhibitRules.length} inhibit rules, ${files.length} template files`;
    }),
};

async function checkWithService(app: string, args: readonly string[]): Promise<ExitCode> {
  if (args[0]?.startsWith('--config') === true) return runService(app, ['--check', ...args]);
  let worst: ExitCode = 0;
  for (const file of filesOf(args)) {
    const code = await runService(app, ['--check', '--config', file]);
    if (code !== 0) worst = 1;
  }
  return worst;
}

async function checkFiles(
  args: readonly string[],
  io: CommandIo,
  check: (text: string, file: string) => Promise<string>,
): Promise<ExitCode> {
  let worst: ExitCode = 0;
  for (const file of filesOf(args)) {
    try {
      io.out(`${file}: good; ${await check(await readFile(file, 'utf8'), file)}\n`);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      io.err(`${error.message}\n`);
      worst = 1;
    }
  }
  return worst;
}

function filesOf(args: readonly string[]): readonly string[] {
  const option = args.find((arg) => arg.startsWith('-'));
  if (option !== undefined) throw new CommandUsageError(`unknown option ${option}`);
  if (args.length === 0) throw new CommandUsageError('takes at least one file');
  return args;
}
