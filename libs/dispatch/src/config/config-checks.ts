import type { Secret } from '#libs/yaml-config';
import type { SecretSource } from './integration-config.ts';

/** Where in the file something stands. */
export type Path = readonly (string | number)[];
/** Tells of a problem at a place. */
export type Complain = (path: Path, message: string) => void;

/** Complains where two keys that exclude each other are both given. */
export function complainIfBoth<Key extends string>(
  values: Readonly<Partial<Record<Key, unknown>>>,
  [first, second]: readonly [Key, Key],
  path: Path,
  complain: Complain,
): void {
  if (isGiven(values[first]) && isGiven(values[second])) {
    complain([...path, second], `at most one of ${first} and ${second} is accepted`);
  }
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}

/** Whether a text is missing or empty. */
export function isBlank(value: string | null | undefined): boolean {
  return value === null || value === undefined || value === '';
}

/** An empty text says as much as none. */
export function filled(text: string | null | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

/** A secret given in place or by its file; null where neither is. */
export function secretSource(
  secret: Secret | null | undefined,
  file: string | null | undefined,
): SecretSource | null {
  if (secret !== null && secret !== undefined && !secret.isEmpty) return { kind: 'inline', secret };
  const path = filled(file);
  return path === null ? null : { kind: 'file', path };
}
