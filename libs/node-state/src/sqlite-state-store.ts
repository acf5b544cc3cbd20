import { Worker } from 'node:worker_threads';
import { type StateArchive, type StateChange, StateStoreError } from './state-store.ts';
import type { StateReply, StateRequest, StateWorkerData } from './state-messages.ts';

interface Waiting {
  readonly resolve: (reply: StateReply) => void;
  readonly reject: (error: StateStoreError) => void;
}

/** A request without its number. */
type Question = StateRequest extends infer Request
  ? Request extends StateRequest
    ? Omit<Request, 'id'>
    : never
  : never;

const OPENING = 0;

/** State in an SQLite database that a thread of its own reads and writes. */
export class SqliteStateStore implements StateArchive {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = OPENING + 1;
  #failure: StateStoreError | null = null;
  #closing: Promise<void> | null = null;
  #setAside: readonly string[] = [];

  private constructor(path: string) {
    // The thread starts from the source where this file is source, and from the build where it is built.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const data: StateWorkerData = { path };
    this.#worker = new Worker(new URL(`./state-worker.${extension}`, import.meta.url), {
      workerData: data,
    });
    this.#worker.on('message', (reply: StateReply) => this.#settle(reply));
    this.#worker.on('error', (error) => {
      this.#fail(`the thread that keeps the state has failed: ${error.message}`, error);
    });
    this.#worker.on('exit', () => this.#fail('the state store is closed', null));
  }

  /**
   * Opens a database, making it if it is not there. One that is damaged is renamed to `*.corrupt`, and a fresh one begun.
   * @throws StateStoreError when it can neither be opened nor made
   */
  static async open(path: string): Promise<SqliteStateStore> {
    const store = new SqliteStateStore(path);
    try {
      const reply = await store.#wait(OPENING);
      if (reply.kind === 'opened') store.#setAside = reply.setAside;
    } catch (error) {
      await store.#worker.terminate();
      throw error;
    }
    return store;
  }

  /** Where damaged databases found at opening are now. */
  get setAside(): readonly string[] {
    return this.#setAside;
  }

  async load(area: string): Promise<Map<string, string>> {
    const reply = await this.#ask({ kind: 'load', area });
    return new Map(reply.kind === 'loaded' ? reply.entries : []);
  }

  async areas(): Promise<string[]> {
    const reply = await this.#ask({ kind: 'areas' });
    return reply.kind === 'listed' ? reply.areas : [];
  }

  async apply(changes: readonly StateChange[]): Promise<void> {
    if (changes.length > 0) await this.#ask({ kind: 'apply', changes });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#failure === null) await this.#ask({ kind: 'close' });
    await this.#worker.terminate();
  }

  #ask(question: Question): Promise<StateReply> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    const reply = this.#wait(id);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage({ ...question, id });
    return reply;
  }

  #wait(id: number): Promise<StateReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  #settle(reply: StateReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === 'failed') {
      const isOpening = reply.id === OPENING;
      const what = isOpening ? 'the state cannot be opened' : 'the state cannot be kept';
      waiting?.reject(new StateStoreError(`${what}: ${reply.reason}`, !isOpening));
    } else {
      waiting?.resolve(reply);
    }
  }

  #fail(message: string, cause: Error | null): void {
    this.#failure ??= new StateStoreError(message, false, cause === null ? {} : { cause });
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
