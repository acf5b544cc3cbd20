const NEWLINE = 10;
const SPACE = 32;

/** A longer length is none that anybody means. */
const MAX_LENGTH_DIGITS = 9;

/**
 * Finds the messages of a TCP stream (RFC 6587): `LENGTH SP MESSAGE` or lines, whichever each begins with. Messages longer
 * than accepted are cut, and the rest is passed over.
 */
export class SyslogSplitter {
  /** Messages that were cut. */
  truncated = 0;
  readonly #maxBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  /** Bytes of a message that was cut which are still to come; Infinity up to the next newline. */
  #skip = 0;
  /** How far it is known that there is no newline. */
  #searched = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are kept because their message is not complete. */
  get pendingBytes(): number {
    return this.#bytes.length;
  }

  /** The messages that are complete with these bytes; they are the callee's no longer. */
  push(bytes: Buffer): Buffer[] {
    this.#bytes =
      this.#bytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#bytes, bytes]);
    const messages: Buffer[] = [];
    let at = 0;
    while (at < this.#bytes.length) {
      const next = this.#skip > 0 ? this.#passOver(at) : this.#take(at, messages);
      if (next < 0) break;
      at = next;
      this.#searched = at;
    }
    this.#bytes = this.#bytes.subarray(at);
    this.#searched -= at;
    return messages;
  }

  /** What stands before the end of the stream without one of its own; of a counted message what has come of it. */
  end(): Buffer | null {
    const rest = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    if (this.#skip > 0 || rest.length === 0) return null;
    const counted = countedStart(rest);
    if (counted === 0) return rest;
    this.truncated++;
    return counted < rest.length ? rest.subarray(counted) : null;
  }

  #passOver(at: number): number {
    if (this.#skip !== Number.POSITIVE_INFINITY) {
      const count = Math.min(this.#skip, this.#bytes.length - at);
      this.#skip -= count;
      return at + count;
    }
    const newline = this.#bytes.indexOf(NEWLINE, at);
    if (newline < 0) return this.#bytes.length;
    this.#skip = 0;
    return newline + 1;
  }

  /** @returns where the next message begins, -1 while this one is not complete */
  #take(at: number, messages: Buffer[]): number {
    const first = this.#bytes[at]!;
    // Some senders end counted messages with a newline as well.
    if (first === NEWLINE || first === 0) return at + 1;
    return isDigit(first) ? this.#takeCounted(at, messages) : this.#takeLine(at, messages);
  }

  #takeCounted(at: number, messages: Buffer[]): number {
    const bytes = this.#bytes;
    let length = 0;
    let place = at;
    while (place < bytes.length && isDigit(bytes[place]!)) {
      length = length * 10 + bytes[place++]! - 48;
      if (place - at > MAX_LENGTH_DIGITS) return this.#takeLine(at, messages);
    }
    if (place === bytes.length) return -1;
    // A line may begin with a digit, too, where senders leave out the priority.
    if (bytes[place] !== SPACE || length === 0) return this.#takeLine(at, messages);
    const start = place + 1;
    const kept = Math.min(length, this.#maxBytes);
    if (bytes.length - start < kept) return -1;
    messages.push(bytes.subarray(start, start + kept));
    if (kept === length) return start + length;
    this.truncated++;
    this.#skip = length - kept;
    return start + kept;
  }

  #takeLine(at: number, messages: Buffer[]): number {
    const bytes = this.#bytes;
    const newline = bytes.indexOf(NEWLINE, Math.max(at, this.#searched));
    const end = newline < 0 ? bytes.length : newline;
    if (end - at > this.#maxBytes) {
      messages.push(bytes.subarray(at, at + this.#maxBytes));
      this.truncated++;
      if (newline >= 0) return newline + 1;
      this.#skip = Number.POSITIVE_INFINITY;
      return bytes.length;
    }
    this.#searched = bytes.length;
    if (newline < 0) return -1;
    messages.push(bytes.subarray(at, newline));
    return newline + 1;
  }
}

/** Where the message begins of which the bytes tell the length, were it yet to come; 0 where they are a line. */
function countedStart(bytes: Buffer): number {
  let place = 0;
  while (place < bytes.length && place < MAX_LENGTH_DIGITS && isDigit(bytes[place]!)) place++;
  if (place === 0 || Number(bytes.toString('latin1', 0, place)) === 0) return 0;
  if (place === bytes.length) return place;
  return bytes[place] === SPACE ? place + 1 : 0;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}
