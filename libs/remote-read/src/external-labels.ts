import { compareUtf8, Labels, Matcher } from '#libs/labels';

/** Any series has a name. */
const EVERYTHING = new Matcher('__name__', '!=', '');

/**
 * The matchers to select by where all series are given external labels: those that ask for one of these, and for the value
 * it has, are fulfilled already. So Prometheus does.
 */
export function withoutExternalLabels(
  matchers: readonly Matcher[],
  externalLabels: Labels,
): readonly Matcher[] {
  const rest = matchers.filter(
    ({ name, kind, value }) =>
      kind !== '=' || !externalLabels.has(name) || externalLabels.get(name) !== value,
  );
  return rest.length === 0 ? [EVERYTHING] : rest;
}

/** A series' labels with those external labels that it does not have itself. */
export function withExternalLabels(labels: Labels, externalLabels: Labels): Labels {
  if (externalLabels.size === 0) return labels;
  const pairs = new Map([...externalLabels, ...labels]);
  const sorted = [...pairs].toSorted(([a], [b]) => compareUtf8(a, b));
  return Labels.fromSortedFlat(sorted.flat());
}
