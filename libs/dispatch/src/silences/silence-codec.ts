import { Labels, Matcher, RegExpSyntaxError } from '#libs/labels';
import { z } from 'zod';
import type { Silence } from './silence.ts';

const schema = z.object({
  id: z.string(),
  matchers: z.array(z.tuple([z.string(), z.enum(['=', '!=', '=~', '!~']), z.string()])).min(1),
  startsAtMs: z.number(),
  endsAtMs: z.number(),
  updatedAtMs: z.number(),
  createdBy: z.string(),
  comment: z.string(),
  annotations: z.array(z.string()).refine((flat) => flat.length % 2 === 0),
});

/** A silence as one line of JSON, as it is kept on disk. */
export function encodeSilence(silence: Silence): string {
  const matchers = silence.matchers.map(({ name, kind, value }) => [name, kind, value]);
  return JSON.stringify({ ...silence, matchers, annotations: silence.annotations.flat });
}

/** Undoes {@link encodeSilence}. @returns null for a text that is no silence; it is to be counted */
export function decodeSilence(text: string): Silence | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) return null;
  const { matchers, annotations, ...rest } = parsed.data;
  try {
    return {
      ...rest,
      matchers: matchers.map(([name, kind, value]) => new Matcher(name, kind, value)),
      annotations: Labels.fromSortedFlat(annotations),
    };
  } catch (error) {
    if (error instanceof RegExpSyntaxError) return null;
    throw error;
  }
}
