import { z } from 'zod';

/** Something to send as JSON, whose texts are templates. */
export type TemplatedValue =
  | string
  | number
  | boolean
  | null
  | readonly TemplatedValue[]
  | { readonly [key: string]: TemplatedValue };

const templatedValue: z.ZodType<TemplatedValue> = z.lazy(() =>
  z.union(
    [
      z.string(),
      z.number(),
      z.boolean(),
      z.null(),
      z.array(templatedValue),
      z.record(z.string(), templatedValue),
    ],
    { error: 'expected texts, numbers, truth values, lists and mappings' },
  ),
);

/** A mapping of names to such values. */
export const templatedValues = z
  .record(z.string(), templatedValue)
  .nullish()
  .transform((mapping): (readonly [string, TemplatedValue])[] => Object.entries(mapping ?? {}));
