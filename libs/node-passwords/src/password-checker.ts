import { createHmac, randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { CheckReply, CheckRequest } from './password-messages.ts';

export interface PasswordCheckerOptions {
  /** Comparisons that may wait or be under way. Default 32. */
  readonly maxWaiting?: number;
  /** Right passwords that are remembered, and as many wrong ones. Default 1,000. */
  readonly maxRemembered?: number;
}

/** So many comparisons wait that one more would only wait longer than anybody does. */
export class TooManyChecksError extends Error {
  override readonly name = 'TooManyChecksError';
}

interface Waiting {
  readonly resolve: (isRight: boolean) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Compares passwords with bcrypt hashes in a thread of its own, one at a time. The thread starts with the first comparison
 * and does not keep the process alive.
 */
export class PasswordChecker {
  readonly #maxWaiting: number;
  readonly #right: Remembered;
  readonly #wrong: Remembered;
  /** Nothing that is remembered can be looked up by who does not have this. */
  readonly #key = randomBytes(32);
  readonly #underWay = new Map<string, Promise<boolean>>();
  readonly #queue = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #nextId = 1;

  constructor({ maxWaiting = 32, maxRemembered = 1_000 }: PasswordCheckerOptions = {}) {
    this.#maxWaiting = maxWaiting;
    this.#right = new Remembered(maxRemembered);
    this.#wrong = new Remembered(maxRemembered);
  }

  /**
   * Whether the password is the one the hash was made of: at once where that is known, otherwise when it is.
   * @param hash one that `passwordHashProblem` finds nothing wrong with
   * @returns a promise that is rejected with TooManyChecksError where too many wait, or with the failure of the thread
   */
  check(password: string, hash: string): boolean | Promise<boolean> {
    const digest = createHmac('sha256', this.#key)
      .update(`${hash}\0`)
      .update(password)
      .digest('base64');
    if (this.#right.has(digest)) return true;
    if (this.#wrong.has(digest)) return false;
    const same = this.#underWay.get(digest);
    if (same !== undefined) return same;
    const found = this.#ask(password, hash).then(
      (isRight) => {
        this.#underWay.delete(digest);
        (isRight ? this.#right : this.#wrong).add(digest);
        return isRight;
      },
      (error: unknown) => {
        this.#underWay.delete(digest);
        throw error;
      },
    );
    // Who asked may have gone meanwhile.
    found.catch(() => null);
    this.#underWay.set(digest, found);
    return found;
  }

  /** Ends the thread; what waits is rejected. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#fail(new Error('passwords are no longer checked'));
    await worker?.terminate();
  }

  #ask(password: string, hash: string): Promise<boolean> {
    if (this.#queue.size >= this.#maxWaiting) {
      return Promise.reject(new TooManyChecksError('too many passwords are being checked'));
    }
    const request: CheckRequest = { id: this.#nextId++, password, hash };
    return new Promise((resolve, reject) => {
      this.#queue.set(request.id, { resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      this.#start().postMessage(request);
    });
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker;
    // The thread starts from the source where this file is source, and from the build where it is built.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./password-worker.${extension}`, import.meta.url));
    worker.unref();
    worker.on('message', ({ id, isRight }: CheckReply) => {
      this.#queue.get(id)?.resolve(isRight);
      this.#queue.delete(id);
    });
    worker.on('error', (error) => this.#fail(error, worker));
    worker.on('exit', () =>
      this.#fail(new Error('the thread that checks passwords ended'), worker),
    );
    this.#worker = worker;
    return worker;
  }

  /** The next comparison starts another thread. */
  #fail(error: Error, worker = this.#worker): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    const waiting = [...this.#queue.values()];
    this.#queue.clear();
    for (const { reject } of waiting) reject(error);
  }
}

/** The youngest so many of what was added. */
class Remembered {
  readonly #max: number;
  readonly #digests = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  has(digest: string): boolean {
    return this.#digests.has(digest);
  }

  add(digest: string): void {
    this.#digests.add(digest);
    if (this.#digests.size <= this.#max) return;
    const [oldest] = this.#digests;
    if (oldest !== undefined) this.#digests.delete(oldest);
  }
}
