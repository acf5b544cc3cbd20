import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { PlainError } from './plain-error.ts';
import { LOG_LEVELS, type LogLevel } from './app-logger.ts';

/** How a service was started. */
export interface RunOptions {
  /**
   * The configuration file, or null for the defaults. Its last part may have a `*`, for any number of files. Relative
   * paths in the configuration start from its folder.
   */
  readonly configFile: string | null;
  /** More such files, which are merged with it. */
  readonly moreConfigFiles?: readonly string[];
  readonly dataDir: string;
  readonly listen: ListenAddress;
  readonly logLevel: LogLevel;
}

export interface ListenAddress {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
}

export const RUN_OPTIONS = Symbol('RunOptions');

/** A command line that is not understood: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface RunDefaults {
  readonly app: string;
  readonly dataDir: string;
  readonly port: number;
}

/**
 * Reads `--config F` (any number of them), `--data D --listen H:P --log-level L`; what is not given comes from the environment as
 * `BINNACLE_CONFIG`, `BINNACLE_DATA`, `BINNACLE_LISTEN`, `BINNACLE_LOG_LEVEL`, and then from the defaults.
 * @throws UsageError
 */
export function parseRunOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  defaults: RunDefaults,
): RunOptions {
  const usage =
    `usage: binnacle ${defaults.app} [--config FILE]… [--data DIR] [--listen HOST:PORT] ` +
    `[--log-level ${LOG_LEVELS.join('|')}]`;
  let values: {
    config?: string[];
    data?: string;
    listen?: string;
    'log-level'?: string;
  };
  try {
    ({ values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        config: { type: 'string', multiple: true },
        data: { type: 'string' },
        listen: { type: 'string' },
        'log-level': { type: 'string' },
      },
    }));
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
  const logLevel = values['log-level'] ?? env['BINNACLE_LOG_LEVEL'] ?? 'info';
  if (!isLogLevel(logLevel)) {
    throw new UsageError(`--log-level takes one of ${LOG_LEVELS.join(', ')}\n${usage}`);
  }
  const [configFile = null, ...moreConfigFiles] =
    values.config ?? (env['BINNACLE_CONFIG'] === undefined ? [] : [env['BINNACLE_CONFIG']]);
  for (const file of [configFile ?? '', ...moreConfigFiles]) {
    if (!dirname(file).includes('*')) continue;
    throw new UsageError(`--config takes a * in a file's name only, not ${file}\n${usage}`);
  }
  return {
    configFile,
    ...(moreConfigFiles.length > 0 && { moreConfigFiles }),
    dataDir: values.data ?? env['BINNACLE_DATA'] ?? defaults.dataDir,
    listen: parseListenAddress(
      values.listen ?? env['BINNACLE_LISTEN'] ?? `127.0.0.1:${defaults.port}`,
    ),
    logLevel,
  };
}

function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text);
}

/** Reads `host:port`, `[v6]:port` or `:port` (every interface). @throws UsageError */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(
      `--listen takes HOST:PORT such as 127.0.0.1:9370, not ${JSON.stringify(text)}`,
    );
  }
  return { host: match[1] ?? (match[2] === '' ? '0.0.0.0' : match[2]!), port };
}

/** Runs a service's main function, turning its failures into messages and exit codes (1, or 2 for usage). */
export async function runMain(
  body: () => Promise<void>,
  exit: (code: number) => void,
): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n`);
      exit(2);
    } else if (error instanceof PlainError || isConfigError(error)) {
      process.stderr.write(`binnacle: ${error.message}\n`);
      exit(1);
    } else {
      process.stderr.write(
        `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
      exit(1);
    }
  }
}

/** The errors of the libs that read configuration; their messages name file and line. */
function isConfigError(error: unknown): error is Error {
  return (
    error instanceof Error && (error.name === 'ConfigTextError' || error.name === 'RuleFileError')
  );
}
