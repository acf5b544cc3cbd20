import type { StateArchive, StateChange } from './state-store.ts';

/** The store that was to be copied to holds something already. */
export class NotEmptyError extends Error {
  override readonly name = 'NotEmptyError';
}

/**
 * Copies everything, in one step: the copy is whole or nothing has changed.
 * @param options `overwrites` removes what the other store holds, in the same step; without it that store must be empty
 * @returns how many keys of each area were copied
 * @throws NotEmptyError, StateStoreError
 */
export async function copyState(
  from: StateArchive,
  to: StateArchive,
  options: { readonly overwrites: boolean },
): Promise<Map<string, number>> {
  const changes: StateChange[] = [];
  for (const area of await to.areas()) {
    if (!options.overwrites) throw new NotEmptyError(`there is something in its area ${area}`);
    for (const key of (await to.load(area)).keys()) changes.push({ area, key, value: null });
  }
  const counts = new Map<string, number>();
  for (const area of await from.areas()) {
    const entries = await from.load(area);
    counts.set(area, entries.size);
    for (const [key, value] of entries) changes.push({ area, key, value });
  }
  await to.apply(changes);
  return counts;
}
