import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  formatMatchers,
  matchingRoutes,
  parseAlertmanagerConfig,
  type Route,
} from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';

/** `binnacle routes show FILE`: the routing tree of an `alertmanager.yml`. */
export const routesShowCommand: Command = {
  name: 'routes show',
  usage: 'FILE',
  summary: 'show the routing tree of an alertmanager.yml',
  run: async (args, io) => {
    const [file, ...others] = args;
    if (file === undefined || others.length > 0) throw new CommandUsageError('takes one file');
    return withRoutes(file, io, (root) => {
      const lines = treeLines(root, (route) => route.routes, describeRoute);
      io.out(`Routing tree:\n.\n${lines.join('\n')}\n`);
      return 0;
    });
  },
};

/** `binnacle routes test FILE [LABEL=VALUE…]`: the receivers of an alert with these labels. */
export const routesTestCommand: Command = {
  name: 'routes test',
  usage: '[--tree] [--expect RECEIVER,…] FILE [LABEL=VALUE…]',
  summary: 'say which receivers of an alertmanager.yml an alert goes to',
  run: async (args, io) => {
    const { tree, expected, file, labels } = readArguments(args);
    return withRoutes(file, io, (root) => {
      const taken = new Set(matchingRoutes(root, labels));
      if (tree) {
        const isOnTheWay = (route: Route): boolean =>
          taken.has(route) || route.routes.some(isOnTheWay);
        const lines = treeLines(
          root,
          (route) => route.routes.filter(isOnTheWay),
          (route) => nameOf(route) + (taken.has(route) ? `  receiver: ${route.receiver}` : ''),
        );
        io.out(`Matching routes:\n.\n${lines.join('\n')}\n\n`);
      }
      const receivers = [...taken].map(({ receiver }) => receiver).join(',');
      io.out(`${receivers}\n`);
      if (expected === null || expected === receivers) return 0;
      io.err(`binnacle routes test: expected ${expected}\n`);
      return 1;
    });
  },
};

function readArguments(args: readonly string[]) {
  let parsed: { values: { tree?: boolean; expect?: string }; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...args],
      options: { tree: { type: 'boolean' }, expect: { type: 'string' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
  const [file, ...pairs] = parsed.positionals;
  if (file === undefined) throw new CommandUsageError('takes a file');
  return {
    file,
    labels: parseLabels(pairs),
    tree: parsed.values.tree ?? false,
    expected: parsed.values.expect ?? null,
  };
}

/** Reads `name=value` arguments; of several with one name the last counts. @throws CommandUsageError */
export function parseLabels(pairs: readonly string[]): Labels {
  const labels = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at <= 0) throw new CommandUsageError(`expected LABEL=VALUE instead of ${pair}`);
    labels.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return Labels.fromPairs(labels);
}

async function withRoutes(
  file: string,
  io: CommandIo,
  use: (root: Route) => ExitCode,
): Promise<ExitCode> {
  try {
    return use(parseAlertmanagerConfig(await readFile(file, 'utf8'), file).route);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    io.err(`${error.message}\n`);
    return 1;
  }
}

function nameOf({ matchers }: Route): string {
  return matchers.length === 0 ? 'default-route' : formatMatchers(matchers);
}

function describeRoute(route: Route): string {
  const isContinued = route.continues ? '  continue: true' : '';
  return `${nameOf(route)}${isContinued}  receiver: ${route.receiver}`;
}

function treeLines(
  root: Route,
  childrenOf: (route: Route) => readonly Route[],
  describe: (route: Route) => string,
): string[] {
  const lines: string[] = [];
  const walk = (route: Route, indent: string, isLast: boolean): void => {
    lines.push(`${indent}${isLast ? '└── ' : '├── '}${describe(route)}`);
    const children = childrenOf(route);
    const below = indent + (isLast ? '    ' : '│   ');
    children.forEach((child, i) => walk(child, below, i === children.length - 1));
  };
  walk(root, '', true);
  return lines;
}
