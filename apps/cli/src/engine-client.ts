import { parseArgs } from 'node:util';
import { engineAddress } from './engine-address.ts';
import { type CommandIo, CommandUsageError } from './command.ts';

/** The engine could not be asked, or refused; the message is a sentence for the user. */
export class EngineRequestError extends Error {
  override readonly name = 'EngineRequestError';
  /** What it answered, or null where it did not, or at too great length. */
  readonly status: number | null;
  /** Whether the answer was longer than anybody here would read. */
  readonly isTooLong: boolean;
  constructor(
    message: string,
    options: ErrorOptions & { readonly status?: number; readonly isTooLong?: boolean } = {},
  ) {
    super(message, options);
    this.status = options.status ?? null;
    this.isTooLong = options.isTooLong ?? false;
  }
}

/** How to ask, where that is not by `GET`. */
export interface AskOptions {
  /** Sends the parameters as a form, so that they may be long. */
  readonly isForm?: boolean;
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Sent as JSON. */
  readonly body?: unknown;
  /** The longest answer that is read; 64 MiB by default. */
  readonly maxBytes?: number;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

/**
 * Asks a JSON API of the engine and returns the parsed answer.
 * @throws EngineRequestError
 */
export async function askEngine(
  engineUrl: string,
  path: string,
  params: Readonly<Record<string, string>> = {},
  options: AskOptions = {},
): Promise<unknown> {
  const { url, headers } = engineAddress(engineUrl, path);
  if (options.isForm !== true)
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  let response: Response;
  try {
    response = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...requestOf(options, params, headers),
    });
  } catch (error) {
    throw new EngineRequestError(
      `no answer from the engine at ${url.origin}; is it running there? (--engine URL says where to ask)`,
      { cause: error },
    );
  }
  const text = await readBounded(response, options.maxBytes ?? MAX_ANSWER_BYTES);
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch (error) {
    // Loki's API says what is wrong as a text.
    const isText = response.headers.get('content-type')?.startsWith('text/plain') === true;
    if (response.ok || !isText) {
      throw new EngineRequestError(
        `${url.origin} answered ${response.status} with something that is no JSON`,
        { cause: error, status: response.status },
      );
    }
    body = text.trim();
  }
  if (!response.ok) {
    const detail = detailOf(body) ?? (text === '' ? 'nothing' : text);
    throw new EngineRequestError(`the engine answered ${response.status}: ${detail}`, {
      status: response.status,
    });
  }
  return body;
}

function requestOf(
  { isForm = false, method = 'GET', body }: AskOptions,
  params: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
): RequestInit {
  if (isForm) return { method: 'POST', body: new URLSearchParams(params), headers };
  if (body === undefined) return { method, headers };
  return {
    method,
    body: JSON.stringify(body),
    headers: { ...headers, 'content-type': 'application/json' },
  };
}

/** The sentence in an error, as Prometheus's API has it, or Alertmanager's. */
function detailOf(body: unknown): string | null {
  if (typeof body === 'string') return body;
  if (typeof body !== 'object' || body === null) return null;
  if ('error' in body) return String(body.error);
  return 'message' in body ? String(body.message) : null;
}

async function readBounded(response: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  if (response.body === null) return text;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new EngineRequestError(`the answer is over ${maxBytes} bytes; ask for less`, {
        isTooLong: true,
      });
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The options every command has that asks an engine, and its positional arguments. */
export interface EngineArguments<Extra extends string> {
  readonly engineUrl: string;
  readonly isJson: boolean;
  readonly values: Readonly<Partial<Record<Extra, string>>>;
  readonly positionals: readonly string[];
}

/**
 * Reads `--engine URL` (or `BINNACLE_ENGINE`), `--json` and the named string options.
 * @throws CommandUsageError
 */
export function parseEngineArguments<Extra extends string>(
  args: readonly string[],
  io: CommandIo,
  extra: readonly Extra[],
): EngineArguments<Extra> {
  const options: Record<string, { type: 'string' | 'boolean' }> = {
    engine: { type: 'string' },
    json: { type: 'boolean' },
  };
  for (const name of extra) options[name] = { type: 'string' };
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
  const values: Partial<Record<Extra, string>> = {};
  for (const name of extra) {
    const value = parsed.values[name];
    if (typeof value === 'string') values[name] = value;
  }
  const { engine, json } = parsed.values;
  const engineUrl =
    typeof engine === 'string' ? engine : (io.env['BINNACLE_ENGINE'] ?? 'http://127.0.0.1:9370');
  if (!URL.canParse(engineUrl)) {
    throw new CommandUsageError('--engine takes a URL such as http://127.0.0.1:9370');
  }
  return { engineUrl, isJson: json === true, values, positionals: parsed.positionals };
}
