import type { PromqlFeatures } from '#libs/promql';
import { CommandUsageError } from '../command.ts';

/** Prometheus's names of the features that PromQL can have. */
const FEATURES: ReadonlyMap<string, keyof PromqlFeatures | 'delayedNameRemoval'> = new Map([
  ['promql-experimental-functions', 'experimentalFunctions'],
  ['promql-duration-expr', 'durationExpressions'],
  ['promql-extended-range-selectors', 'extendedRangeSelectors'],
  ['promql-binop-fill-modifiers', 'fillModifiers'],
  ['promql-delayed-name-removal', 'delayedNameRemoval'],
]);

/** Which parts of PromQL rules may use, and how names are dropped. */
export interface ChosenFeatures {
  readonly features: PromqlFeatures;
  readonly delayedNameRemoval: boolean;
}

/**
 * Reads `--enable-feature=NAME,NAME`. Without it rules may use everything the engine has; with it, they are read as by a
 * Prometheus that has these features and no others.
 * @throws CommandUsageError
 */
export function chooseFeatures(flags: readonly string[] | undefined): ChosenFeatures {
  const names = flags?.flatMap((flag) => flag.split(',')).filter((name) => name !== '');
  const unknown = names?.find((name) => !FEATURES.has(name));
  if (unknown !== undefined) {
    throw new CommandUsageError(
      `unknown feature ${unknown}; accepted are ${[...FEATURES.keys()].join(', ')}`,
    );
  }
  const enabled = names === undefined ? null : new Set(names.map((name) => FEATURES.get(name)));
  const has = (feature: keyof PromqlFeatures): boolean => enabled?.has(feature) ?? true;
  return {
    features: {
      experimentalFunctions: has('experimentalFunctions'),
      durationExpressions: has('durationExpressions'),
      extendedRangeSelectors: has('extendedRangeSelectors'),
      fillModifiers: has('fillModifiers'),
    },
    delayedNameRemoval: enabled?.has('delayedNameRemoval') ?? false,
  };
}
