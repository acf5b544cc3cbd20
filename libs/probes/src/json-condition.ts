import { yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import type { SearchPattern } from './search-pattern.ts';
import { searchPatternSchema } from './shapes.ts';

/** A condition on one value of a JSON body. */
export interface JsonCondition {
  /** Where the value is (RFC 6901); '' is the whole. */
  readonly pointer: string;
  /** Of the value as text: a string without its quotes, everything else as JSON. */
  readonly pattern: SearchPattern;
}

const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;

/** `{pointer: /db/state, regexp: ^up$}` */
export const jsonConditionSchema = z
  .strictObject({
    pointer: yamlText().regex(POINTER, { error: 'not a JSON pointer such as /status' }).default(''),
    regexp: searchPatternSchema,
  })
  .transform(({ pointer, regexp }): JsonCondition => ({ pointer, pattern: regexp }));

/** A JSON body, or null for anything else. */
export function parseJson(body: Buffer): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(body.toString('utf8')) as unknown };
  } catch {
    return null;
  }
}

/** Whether there is such a value and it matches. */
export function matchesJson({ pointer, pattern }: JsonCondition, body: unknown): boolean {
  let value = body;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return false;
    value = Reflect.get(value, key);
  }
  return pattern.test(typeof value === 'string' ? value : JSON.stringify(value));
}
