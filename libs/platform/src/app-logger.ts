import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';

/** What a log line carries beside its message; values must be JSON and never a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface AppLoggerOptions {
  /** The app's name, in every line as `app`. */
  readonly app: string;
  readonly level: LogLevel;
  /** Where lines go: standard output unless told otherwise. */
  readonly write?: (line: string) => void;
}

/**
 * The apps' log: one JSON object a line, with `time` (ISO 8601), `level`, `app`, `message` and fields. It also serves as
 * Nest's own logger, of whose chatter only warnings and errors are kept.
 */
export class AppLogger implements LoggerService {
  readonly #logger: Logger;

  private constructor(logger: Logger) {
    this.#logger = logger;
  }

  static create(options: AppLoggerOptions): AppLogger {
    const settings = {
      level: options.level,
      base: { app: options.app },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    };
    const { write } = options;
    if (write === undefined) return new AppLogger(pino(settings, pino.destination({ sync: true })));
    return new AppLogger(pino(settings, { write }));
  }

  /** A logger that adds `fields` to every line. */
  with(fields: LogFields): AppLogger {
    return new AppLogger(this.#logger.child(fields));
  }

  info(message: string, fields: LogFields = {}): void {
    this.#logger.info(fields, message);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#logger.warn(fieldsOf(rest), String(message));
  }

  /** @param rest an Error, which is told by its message and causes, or fields */
  error(message: unknown, ...rest: unknown[]): void {
    // Nest logs what ends the start and throws it as well; whoever catches it tells the user.
    if (rest.at(-1) === 'ExceptionHandler') return;
    this.#logger.error(fieldsOf(rest), String(message));
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#logger.debug(fieldsOf(rest), String(message));
  }

  /** Nest's word for info: its start-up chatter, kept for debugging only. */
  log(message: unknown): void {
    this.#logger.debug({}, String(message));
  }

  verbose(message: unknown): void {
    this.#logger.debug({}, String(message));
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.#logger.fatal(fieldsOf(rest), String(message));
  }
}

function fieldsOf(rest: readonly unknown[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const part of rest) {
    if (part instanceof Error) fields['error'] = describeError(part);
    else if (typeof part === 'object' && part !== null) Object.assign(fields, part);
    else if (typeof part === 'string') fields['detail'] = part;
  }
  return fields;
}

/** An error's message with those of its causes: `could not send: connect ECONNREFUSED`. */
export function describeError(error: unknown): string {
  const messages: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current !== undefined && current !== null; depth++) {
    const message = messageOf(current);
    if (message !== '' && !messages.includes(message)) messages.push(message);
    current = current instanceof Error ? current.cause : undefined;
  }
  return messages.join(': ');
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}
