import { Socket } from 'node:net';
import { Client, DatabaseError } from 'pg';
import type { PostgresTarget } from './postgres-target.ts';

/** A row, by column. */
export type Row = readonly (string | null)[];

export interface SessionOptions {
  readonly connectTimeoutMs: number;
  /** Of one statement; the server is told the same. */
  readonly timeoutMs: number;
  /** What the server's list of connections calls it. */
  readonly applicationName: string;
  /** Cuts the connection off. */
  readonly signal: AbortSignal;
}

/**
 * The database did not do what was asked. The message holds the server's own sentence and its code, or Node's word for what
 * became of the connection; never a password or a value.
 */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  /** Whether the connection is gone, so that nobody knows whether the statement was carried out. */
  readonly isLost: boolean;

  constructor(message: string, isLost: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isLost = isLost;
  }
}

/** The server needs a moment less than we wait, so that it is the one that says what took too long. */
const SERVER_SHARE = 0.9;
const MAX_SENTENCE = 300;
/** Classes of codes after which a session is of no more use: connection, shutting down, too few resources, read-only. */
const FATAL_CODES = /^(08|28|3D|53[23]|57P|25006)/;

/** One connection. Statements go one after the other; one that is not answered in time ends it. */
export class PostgresSession {
  /** Resolves when the connection has gone, with the reason. It never rejects. */
  readonly lost: Promise<SessionError>;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #markLost: (error: SessionError) => void = () => {};
  #loss: SessionError | null = null;

  private constructor(target: PostgresTarget, options: SessionOptions) {
    this.lost = new Promise((resolve) => {
      this.#markLost = resolve;
    });
    this.#timeoutMs = options.timeoutMs;
    this.#socket = new Socket();
    const { host, port, database, user, password, tls } = target;
    this.#client = new Client({
      host,
      port,
      database,
      user,
      password: () => password.reveal(),
      // Everything is said, since what is not comes from the environment.
      ssl: tls ?? false,
      // A socket of our own can be cut off whatever state the protocol is in.
      stream: () => this.#socket,
      keepAlive: true,
      client_encoding: 'UTF8',
      application_name: options.applicationName,
      connectionTimeoutMillis: options.connectTimeoutMs,
    });
    this.#client.on('error', (error) => this.#end(toSessionError(error, true)));
    this.#client.on('end', () => this.#end(new SessionError('the connection was closed', true)));
    const { signal } = options;
    const abort = (): void => this.#end(new SessionError('it is not wanted any more', true));
    signal.addEventListener('abort', abort, { once: true });
    void this.lost.then(() => signal.removeEventListener('abort', abort));
  }

  /** @throws SessionError */
  static async open(target: PostgresTarget, options: SessionOptions): Promise<PostgresSession> {
    const session = new PostgresSession(target, options);
    try {
      options.signal.throwIfAborted();
      await session.#client.connect();
      await session.query(SETTINGS, [String(Math.ceil(options.timeoutMs * SERVER_SHARE))]);
    } catch (error) {
      session.#socket.destroy();
      throw error instanceof SessionError ? error : toSessionError(error, true);
    }
    return session;
  }

  /** @throws SessionError once the connection is gone */
  check(): void {
    if (this.#loss !== null) throw this.#loss;
  }

  /** @throws SessionError */
  async query(text: string, values: readonly (string | readonly unknown[])[] = []): Promise<Row[]> {
    this.check();
    const timer = setTimeout(() => {
      this.#end(new SessionError(`no answer within ${this.#timeoutMs} ms`, true));
    }, this.#timeoutMs);
    try {
      const answer = this.#client.query<(string | null)[]>({
        text,
        values: [...values],
        rowMode: 'array',
      });
      const outcome = await Promise.race([answer, this.lost]);
      if (outcome instanceof SessionError) throw outcome;
      return outcome.rows;
    } catch (error) {
      const failure = error instanceof SessionError ? error : toSessionError(error, false);
      if (failure.isLost) this.#end(failure);
      throw failure;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Says goodbye to the server, for at most as long as a statement may take. Closing twice is harmless. */
  async close(): Promise<void> {
    if (this.#loss !== null) return;
    const timer = setTimeout(() => this.#socket.destroy(), this.#timeoutMs);
    try {
      await Promise.race([this.#client.end(), this.lost]);
    } finally {
      clearTimeout(timer);
      this.#socket.destroy();
    }
  }

  #end(error: SessionError): void {
    if (this.#loss !== null) return;
    this.#loss = error;
    this.#socket.destroy();
    this.#markLost(error);
  }
}

/** Whatever the defaults of the server, the database and the user are: durable when it is answered, and not for ever. */
const SETTINGS = `SELECT
  set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
    THEN 'on' ELSE current_setting('synchronous_commit') END, false),
  set_config('statement_timeout', $1, false),
  set_config('lock_timeout', $1, false),
  set_config('idle_in_transaction_session_timeout', $1, false),
  set_config('default_transaction_isolation', 'read committed', false),
  set_config('default_transaction_read_only', 'off', false)`;

/** @param isConnecting whether no statement was under way, so that everything that goes wrong ends it */
function toSessionError(error: unknown, isConnecting: boolean): SessionError {
  if (error instanceof DatabaseError) {
    const { message, code = '' } = error;
    const sentence = message.replaceAll(/[\p{Cc}\s]+/gu, ' ').slice(0, MAX_SENTENCE);
    const isLost = isConnecting || error.severity === 'FATAL' || FATAL_CODES.test(code);
    return new SessionError(`${sentence} (${code})`, isLost, { cause: error });
  }
  const { code, message } = asFailure(error);
  if (code !== '') return new SessionError(code, true, { cause: error });
  return new SessionError(CLIENT_WORDS.get(message) ?? message, true, { cause: error });
}

/** What the client calls what we name otherwise. */
const CLIENT_WORDS: ReadonlyMap<string, string> = new Map([
  ['timeout expired', 'no connection in time'],
  ['Connection terminated due to connection timeout', 'no connection in time'],
  ['Connection terminated', 'the connection was closed'],
  ['Connection terminated unexpectedly', 'the connection was closed'],
  [
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string',
    'the server wants a password and none is given',
  ],
]);

function asFailure(error: unknown): { code: string; message: string } {
  if (typeof error !== 'object' || error === null) return { code: '', message: String(error) };
  const { code, message, errors } = error as {
    code?: unknown;
    message?: unknown;
    errors?: unknown;
  };
  // Several addresses tried in vain come as one error with a list.
  if (Array.isArray(errors) && errors.length > 0) return asFailure(errors[0]);
  return {
    code: typeof code === 'string' ? code : '',
    message: String(message).slice(0, MAX_SENTENCE),
  };
}
