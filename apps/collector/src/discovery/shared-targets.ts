import type { TargetGroup } from '#libs/discovery';
import type { TargetProvider } from './target-provider.ts';

interface Shared {
  readonly provider: TargetProvider;
  readonly users: Map<object, (groups: readonly TargetGroup[]) => void>;
  last: readonly TargetGroup[] | null;
}

/** Providers that several jobs use at once: jobs that look for the same targets have them looked for once. */
export class SharedTargets {
  readonly #shared = new Map<string, Shared>();

  /**
   * A use of the provider under `key`.
   * @param make called where nobody uses it at present
   */
  use(key: string, make: () => TargetProvider): TargetProvider {
    const user = {};
    return {
      start: (tell) => {
        let shared = this.#shared.get(key);
        if (shared !== undefined) {
          shared.users.set(user, tell);
          if (shared.last !== null) tell(shared.last);
          return;
        }
        const first: Shared = { provider: make(), users: new Map([[user, tell]]), last: null };
        shared = first;
        this.#shared.set(key, first);
        first.provider.start((groups) => {
          first.last = groups;
          for (const told of first.users.values()) told(groups);
        });
      },
      stop: async () => {
        const shared = this.#shared.get(key);
        if (shared?.users.delete(user) !== true || shared.users.size > 0) return;
        this.#shared.delete(key);
        await shared.provider.stop();
      },
    };
  }
}
