import type { TargetGroup } from '#libs/discovery';
import type { TargetProvider } from './target-provider.ts';

/** Targets that are written down, told once. */
export class StaticTargets implements TargetProvider {
  readonly #groups: readonly TargetGroup[];

  constructor(groups: readonly TargetGroup[]) {
    this.#groups = groups;
  }

  start(tell: (groups: readonly TargetGroup[]) => void): void {
    tell(this.#groups);
  }

  async stop(): Promise<void> {}
}
