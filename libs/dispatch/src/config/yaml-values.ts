import { DurationSyntaxError, type Matcher, parseDurationMs } from '#libs/labels';
import { Secret } from '#libs/yaml-config';
import { z } from 'zod';
import { MatcherTextError } from '../matchers/matcher-text-error.ts';
import { parseMatchers } from '../matchers/parse-matchers.ts';

/*
 * Alertmanager's files are YAML 1.1 read into Go types, where an empty value stands for none, `yes` is a truth value
 * and `2` a text where a text is wanted. These schemas read them so.
 */

/** A value that may be missing or empty. */
export function maybe<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value): z.output<Schema> | null => value ?? null);
}

/** A list that may be missing or empty. */
export function list<Schema extends z.ZodType>(schema: Schema) {
  return z
    .array(schema)
    .nullish()
    .transform((value): z.output<Schema>[] => value ?? []);
}

export const text = z
  .union([z.string(), z.int(), z.boolean()], {
    error: 'expected a string; put numbers with a point and lists in quotes',
  })
  .transform(String);

export const secretText = text.transform((value) => new Secret(value));

/**
 * The pairs of a mapping of texts, in the order of the file; a value that is left empty is null. Unlike `z.record` it
 * keeps a key such as `__proto__`.
 */
export const textEntries = z
  .custom<object>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'expected a mapping of strings',
  )
  .nullish()
  .transform((mapping, context): [string, string | null][] =>
    Object.entries(mapping ?? {}).map(([key, value]: [string, unknown]) => {
      if (value === null) return [key, null];
      const read = text.safeParse(value);
      if (read.success) return [key, read.data];
      context.addIssue({ code: 'custom', path: [key], message: 'expected a string' });
      return [key, null];
    }),
  );

const WORDS = new Map([
  ['yes', true],
  ['on', true],
  ['y', true],
  ['no', false],
  ['off', false],
  ['n', false],
]);

export const flag = z.union([z.boolean(), z.string()]).transform((value, context): boolean => {
  const truth = typeof value === 'boolean' ? value : WORDS.get(value.toLowerCase());
  if (truth !== undefined) return truth;
  context.addIssue({ code: 'custom', message: 'expected true or false' });
  return z.NEVER;
});

/** Milliseconds. */
export const duration = z.union([z.string(), z.literal(0)]).transform((value, context): number => {
  try {
    return parseDurationMs(String(value));
  } catch (error) {
    if (!(error instanceof DurationSyntaxError)) throw error;
    context.addIssue({ code: 'custom', message: 'expected a duration such as 30s, 5m or 1h30m' });
    return z.NEVER;
  }
});

export const positiveDuration = duration.refine((value) => value > 0, 'must be above 0');

/** A list of texts, each of which may hold several matchers. */
export const matcherList = list(
  text.transform((value, context): Matcher[] => {
    try {
      return parseMatchers(value);
    } catch (error) {
      if (!(error instanceof MatcherTextError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  }),
).transform((lists) => lists.flat());
