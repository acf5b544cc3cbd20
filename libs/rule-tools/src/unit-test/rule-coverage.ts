import { groupKeyOf, type RuleFile, type RuleGroup } from '#libs/rules';

/** A rule as reports name it. */
export interface CoveredRule {
  readonly file: string;
  readonly line: number;
  readonly group: string;
  readonly rule: string;
}

/** How far tests reach: an alerting rule counts once it fires in one of them, a recording rule once it gives a series. */
export class RuleCoverage {
  readonly #rules = new Map<string, CoveredRule>();
  readonly #covered = new Set<string>();

  /** Rules that tests could reach; loading them twice does not count twice. */
  expect(files: readonly RuleFile[]): void {
    for (const group of files.flatMap(({ groups }) => groups)) {
      group.rules.forEach(({ name, line }, i) => {
        this.#rules.set(keyOf(group, i), { file: group.file, line, group: group.name, rule: name });
      });
    }
  }

  /** Looks at what groups have after a round. */
  observe(groups: readonly RuleGroup[]): void {
    for (const { config, rules } of groups) {
      rules.forEach(({ rule, health }, i) => {
        const key = keyOf(config, i);
        if (this.#covered.has(key)) return;
        const isReached =
          rule.kind === 'alerting' ? rule.state === 'firing' : health.sampleCount > 0;
        if (isReached) this.#covered.add(key);
      });
    }
  }

  get ruleCount(): number {
    return this.#rules.size;
  }

  /** Rules that no test made fire or give a series, in the order in which they were loaded. */
  get unreached(): readonly CoveredRule[] {
    return [...this.#rules].filter(([key]) => !this.#covered.has(key)).map(([, rule]) => rule);
  }
}

function keyOf(group: { readonly file: string; readonly name: string }, index: number): string {
  return `${groupKeyOf(group)};${index}`;
}
