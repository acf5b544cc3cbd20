import { DuplicateLabelError, Labels, unescapeGo } from '#libs/labels';
import { PushError } from './push-error.ts';

const PAIR = /\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)\s*(,|$)/y;
/** Longer texts are no labels of a stream that any configuration takes. */
const MAX_TEXT_LENGTH = 1_024 * 1_024;
const MAX_PAIRS = 1_000;
/** Longer ones are parsed each time rather than kept. */
const MAX_KEPT_LENGTH = 4 * 1_024;
const MAX_SHOWN = 200;
/** Label sets of senders that repeat theirs; twice as many are kept. */
const GENERATION = 4_096;

/**
 * A stream's labels as LogQL writes them: `{app="web", level="error"}`, values in the quotes of Go.
 * @throws PushError
 */
function parseStreamText(text: string): Labels {
  if (text.length > MAX_TEXT_LENGTH) {
    throw malformed(text, `more than ${MAX_TEXT_LENGTH} characters`);
  }
  const trimmed = text.trim();
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) throw malformed(text);
  const inner = trimmed.slice(1, -1).trim();
  const pairs: [string, string][] = [];
  PAIR.lastIndex = 0;
  for (let at = 0; at < inner.length; at = PAIR.lastIndex) {
    const match = PAIR.exec(inner);
    if (match === null) throw malformed(text);
    const [, name, quoted, raw] = match;
    const value = raw ?? unquoted(quoted!);
    if (value === undefined) throw malformed(text);
    if (pairs.push([name!, value]) > MAX_PAIRS)
      throw malformed(text, `more than ${MAX_PAIRS} labels`);
  }
  return labelsOf(pairs);
}

function unquoted(quoted: string): string | undefined {
  return quoted.includes('\\') ? unescapeGo(quoted, '"')?.toString('utf8') : quoted;
}

/** @throws PushError where a name comes twice */
export function labelsOf(pairs: Iterable<readonly [string, string]>): Labels {
  try {
    return Labels.fromPairs(pairs);
  } catch (error) {
    if (!(error instanceof DuplicateLabelError)) throw error;
    throw new PushError('malformed_push', error.message, { cause: error });
  }
}

/** Label sets by their text. A sender repeats its streams in every push; each is parsed once and stays the same object. */
export class StreamTexts {
  #young = new Map<string, Labels>();
  #old = new Map<string, Labels>();

  /** @throws PushError */
  get(text: string): Labels {
    const young = this.#young.get(text);
    if (young !== undefined) return young;
    const labels = this.#old.get(text) ?? parseStreamText(text);
    if (text.length > MAX_KEPT_LENGTH) return labels;
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, labels);
    return labels;
  }
}

function malformed(text: string, reason = 'this text'): PushError {
  const shown = JSON.stringify(text.slice(0, MAX_SHOWN));
  return new PushError(
    'malformed_push',
    `${shown}, ${reason}: no labels of a stream; accepted are such as {app="web", level="error"}`,
  );
}
