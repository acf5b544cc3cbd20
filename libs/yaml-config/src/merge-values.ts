type Path = readonly PropertyKey[];

/** A value, and where each piece of it was written. */
export interface TracedValue {
  readonly value: unknown;
  /** The text it comes from (of several, the first), and the path in there. */
  readonly origin: { readonly source: number; readonly path: Path };
  /** By key or index; null where everything below comes from the same place. */
  readonly children: ReadonlyMap<string, TracedValue> | null;
}

/** A place where two texts ask for different things. */
export interface MergeClash {
  readonly path: Path;
  readonly first: TracedValue;
  readonly second: TracedValue;
}

/** What of a list's item says which one it is. */
const IDENTITIES = ['name', 'job_name'] as const;

/** The whole of a text. @param source its number */
export function tracedText(value: unknown, source: number): TracedValue {
  return { value, origin: { source, path: [] }, children: null };
}

/**
 * Both values in one: of maps the keys of both, of lists the items of both, where items that carry the same `name` (or
 * `job_name`) are one item. What is empty in one is as in the other; the same scalar in both is that scalar.
 * @param clashes gets what cannot be both; the first of the two then stays
 */
export function mergeValues(
  first: TracedValue,
  second: TracedValue,
  clashes: MergeClash[],
  path: Path = [],
): TracedValue {
  if (second.value === null || second.value === undefined) return first;
  if (first.value === null || first.value === undefined) return second;
  const [a, b] = [first.value, second.value];
  if (isMap(a) && isMap(b)) {
    const children = new Map(Object.keys(a).map((key) => [key, childOf(first, key, a[key])]));
    for (const key of Object.keys(b)) {
      const there = children.get(key);
      const added = childOf(second, key, b[key]);
      const both = there === undefined ? added : mergeValues(there, added, clashes, [...path, key]);
      children.set(key, both);
    }
    // A key may be called __proto__, which an assignment would not make a key.
    const entries = [...children].map(([key, { value }]) => [key, value] as const);
    return { value: Object.fromEntries(entries), origin: first.origin, children };
  }
  if (isList(a) && isList(b)) {
    const items = mergeLists(
      a.map((item, index) => childOf(first, String(index), item)),
      b.map((item, index) => childOf(second, String(index), item)),
      clashes,
      path,
    );
    return {
      value: items.map(({ value }) => value),
      origin: first.origin,
      children: new Map(items.map((item, index) => [String(index), item])),
    };
  }
  if (a !== b) clashes.push({ path, first, second });
  return first;
}

function mergeLists(
  first: readonly TracedValue[],
  second: readonly TracedValue[],
  clashes: MergeClash[],
  path: Path,
): readonly TracedValue[] {
  const items = [...first];
  // Only what the first has: a list that names one thing twice by itself is for its schema to judge.
  const places = new Map<string, number>();
  items.forEach(({ value }, index) => {
    const identity = identityOf(value);
    if (identity !== null && !places.has(identity)) places.set(identity, index);
  });
  for (const added of second) {
    const identity = identityOf(added.value);
    const place = identity === null ? undefined : places.get(identity);
    if (place === undefined) items.push(added);
    else items[place] = mergeValues(items[place]!, added, clashes, [...path, place]);
  }
  return items;
}

/** What a path leads to, or the last thing on the way that is there. @returns it and the rest of the path within its text */
export function followTrace(
  root: TracedValue,
  path: Path,
): { readonly source: number; readonly path: Path } {
  let current = root;
  let steps = 0;
  for (const step of path) {
    const next = current.children?.get(String(step));
    if (next === undefined) break;
    current = next;
    steps++;
  }
  const { source, path: start } = current.origin;
  // Where texts were merged, what is missing was written in none of them.
  return { source, path: current.children === null ? [...start, ...path.slice(steps)] : start };
}

/** @param value what is below the key, where it was not merged from several */
function childOf(parent: TracedValue, key: string, value: unknown): TracedValue {
  const { source, path } = parent.origin;
  return (
    parent.children?.get(key) ?? { value, origin: { source, path: [...path, key] }, children: null }
  );
}

function identityOf(item: unknown): string | null {
  if (!isMap(item)) return null;
  for (const key of IDENTITIES) {
    const value = Object.hasOwn(item, key) ? item[key] : undefined;
    if (typeof value === 'string') return `${key}\0${value}`;
  }
  return null;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
