import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { HttpGetError } from './http-get-error.ts';
import { isText, LineCounter } from './line-counter.ts';
import { HARD_MAX_BYTES, joined, tooLarge } from './read-bounded.ts';

/** A whole answer as it came. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  /** Of a repeated header the first value; names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Still encoded; empty where it was not wanted. */
  readonly body: Buffer;
}

const NO_BODY = Buffer.alloc(0);
/** Of a body that nobody wants so much is read to keep the connection; a longer one ends it. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/**
 * Gathers one answer within its bounds. It takes what comes from the socket as it comes: a stream in between costs more than
 * all the rest of a small request.
 */
export class AnswerReader implements Dispatcher.DispatchHandler {
  /** Rejected with what failed, once. */
  readonly answer: Promise<Answer>;
  readonly #maxBytes: number;
  readonly #maxLines: number;
  /** Of a body that comes as it is and can be counted. */
  #counter: LineCounter | null = null;
  readonly #wantsBody: (status: number) => boolean;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#fail(this.#signal.reason);
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #controller: Dispatcher.DispatchController | null = null;
  #status = 0;
  #statusText = '';
  #headers = new Map<string, string>();
  #isWanted = false;
  #parts: Buffer[] = [];
  #size = 0;
  #isDone = false;

  constructor(options: {
    readonly maxBodyBytes: number;
    readonly maxLines: number;
    readonly wantsBody: (status: number) => boolean;
    readonly signal: AbortSignal;
  }) {
    this.#maxBytes = Math.min(options.maxBodyBytes, HARD_MAX_BYTES);
    this.#maxLines = options.maxLines;
    this.#wantsBody = options.wantsBody;
    this.#signal = options.signal;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (this.#signal.aborted) this.#onAbort();
    else this.#signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It may have waited for a connection until its time was over.
    if (this.#isDone) controller.abort(new Error('given up before it began'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText?: string,
  ): void {
    // What comes first of several heads only informs.
    if (status < 200) return;
    this.#status = status;
    this.#statusText = statusText ?? '';
    for (const [name, value] of Object.entries(headers)) {
      const first = Array.isArray(value) ? value[0] : value;
      if (first !== undefined) this.#headers.set(name, first);
    }
    this.#isWanted = this.#wantsBody(status);
    const isPlain = (this.#headers.get('content-encoding') ?? 'identity') === 'identity';
    this.#counter = isPlain && isText(this.#headers) ? new LineCounter(this.#maxLines) : null;
    if (this.#isWanted && Number(this.#headers.get('content-length')) > this.#maxBytes) {
      this.#fail(tooLarge());
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#isWanted) {
      const problem = this.#size > this.#maxBytes ? tooLarge() : this.#counter?.take(chunk);
      if (problem instanceof HttpGetError) this.#fail(problem);
      else this.#parts.push(chunk);
    } else if (this.#size > MAX_DISCARDED_BYTES) {
      this.#finish(NO_BODY);
      controller.abort(new Error('a body that nobody wants'));
    }
  }

  onResponseEnd(): void {
    this.#finish(this.#isWanted ? joined(this.#parts, this.#size) : NO_BODY);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #finish(body: Buffer): void {
    if (this.#isDone) return;
    this.#end();
    const answer: Answer = {
      status: this.#status,
      statusText: this.#statusText,
      headers: this.#headers,
      body,
    };
    // Only after its next turn does the client take the connection for free; asked before that, it opens another.
    setImmediate(() => setImmediate(() => this.#resolve(answer)));
  }

  #fail(error: unknown): void {
    if (this.#isDone) return;
    this.#end();
    this.#reject(error);
    const isOurs = error instanceof HttpGetError;
    this.#controller?.abort(isOurs ? error : new Error('failed', { cause: error }));
  }

  #end(): void {
    this.#isDone = true;
    this.#parts = [];
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
