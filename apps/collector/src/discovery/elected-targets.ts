import type { TargetGroup } from '#libs/discovery';
import type { Leadership } from '../kubernetes/leadership.ts';
import type { TargetProvider } from './target-provider.ts';

/** Targets that belong to no node: only the collector that speaks for the cluster has them. */
export class ElectedTargets implements TargetProvider {
  readonly #make: () => TargetProvider;
  readonly #leadership: Leadership;
  #unlisten: () => void = () => {};
  #inner: TargetProvider | null = null;
  #ended: Promise<unknown> = Promise.resolve();

  /** @param make called anew for each term */
  constructor(make: () => TargetProvider, leadership: Leadership) {
    this.#make = make;
    this.#leadership = leadership;
  }

  start(tell: (groups: readonly TargetGroup[]) => void): void {
    const look = (): void => {
      if (this.#leadership.leads === (this.#inner !== null)) return;
      if (this.#leadership.leads) {
        const inner = this.#make();
        this.#inner = inner;
        // What one of an earlier term still says does not count.
        inner.start((groups) => {
          if (this.#inner === inner) tell(groups);
        });
      } else {
        this.#end();
        tell([]);
      }
    };
    this.#unlisten = this.#leadership.listen(look);
    look();
  }

  async stop(): Promise<void> {
    this.#unlisten();
    this.#end();
    await this.#ended;
  }

  #end(): void {
    const inner = this.#inner;
    this.#inner = null;
    if (inner !== null) this.#ended = Promise.all([this.#ended, inner.stop()]);
  }
}
