import { Labels, type Matcher } from '#libs/labels';

/** What `absent_over_time` says of a selector: the labels that it asks a single value of. */
export function absentLabels(matchers: readonly Matcher[]): Labels {
  const counts = new Map<string, number>();
  for (const { name } of matchers) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Labels.fromPairs(
    matchers
      .filter(({ kind, name }) => kind === '=' && counts.get(name) === 1)
      .map(({ name, value }): [string, string] => [name, value]),
  );
}
