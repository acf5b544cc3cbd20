import { type StateChange, StateStoreError } from '../state-store.ts';

/** Something to be done with the database, in the order in which it was asked for. */
export type StateJob =
  | {
      readonly kind: 'apply';
      readonly changes: readonly StateChange[];
      readonly resolve: () => void;
      readonly reject: (error: StateStoreError) => void;
    }
  | {
      readonly kind: 'load';
      readonly area: string;
      readonly resolve: (entries: Map<string, string>) => void;
      readonly reject: (error: StateStoreError) => void;
    }
  | {
      readonly kind: 'areas';
      readonly resolve: (areas: string[]) => void;
      readonly reject: (error: StateStoreError) => void;
    };

export type ApplyJob = Extract<StateJob, { kind: 'apply' }>;

/** Changes that share a transaction. */
const MOST_TOGETHER = 5_000;
/** Changes that wait while the database is slow; whoever asks for more is refused, and keeps them. */
const MOST_WAITING = 500_000;

/** What the database is asked for, one after the other; what is written at the same time is written together. */
export class StateJobs {
  #jobs: StateJob[] = [];
  #waitingChanges = 0;
  #wake: () => void = () => {};

  /** Adds a job, or refuses one that is too much. */
  add(job: StateJob): void {
    if (job.kind === 'apply') {
      if (this.#waitingChanges > 0 && this.#waitingChanges + job.changes.length > MOST_WAITING) {
        job.reject(new StateStoreError('too many changes wait for the database already', true));
        return;
      }
      this.#waitingChanges += job.changes.length;
    }
    this.#jobs.push(job);
    this.#wake();
  }

  get isEmpty(): boolean {
    return this.#jobs.length === 0;
  }

  /** The next job, with the others that can be done along with it. */
  take(): readonly StateJob[] {
    const [first] = this.#jobs;
    if (first === undefined) return [];
    let count = 1;
    if (first.kind === 'apply') {
      let changes = first.changes.length;
      for (; count < this.#jobs.length; count++) {
        const next = this.#jobs[count]!;
        if (next.kind !== 'apply' || changes + next.changes.length > MOST_TOGETHER) break;
        changes += next.changes.length;
      }
      this.#waitingChanges -= changes;
    }
    return this.#jobs.splice(0, count);
  }

  /** Puts back what was not done, at the front. */
  putBack(jobs: readonly StateJob[]): void {
    for (const job of jobs) if (job.kind === 'apply') this.#waitingChanges += job.changes.length;
    this.#jobs.unshift(...jobs);
  }

  /** Refuses the changes that wait, or everything. */
  refuse(error: StateStoreError, which: 'changes' | 'all'): void {
    const refused = this.#jobs.filter(({ kind }) => which === 'all' || kind === 'apply');
    this.#jobs = this.#jobs.filter((job) => !refused.includes(job));
    this.#waitingChanges = 0;
    for (const { reject } of refused) reject(error);
  }

  /** Resolves when there is a job, after `waitMs`, or once it is interrupted. */
  async wait(waitMs: number): Promise<void> {
    if (!this.isEmpty) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, waitMs);
    });
    clearTimeout(timer);
    this.#wake = () => {};
  }

  /** Ends a {@link wait} early. */
  interrupt(): void {
    this.#wake();
  }
}
