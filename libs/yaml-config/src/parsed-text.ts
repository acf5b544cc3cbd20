import { z } from 'zod';
import { yamlText } from './yaml-text.ts';

/**
 * A text that a function reads, and what it makes of it. The message of an `Error` the function throws is told as the
 * problem of that place, so it should say what is accepted.
 */
export function parsedText<T>(parse: (text: string) => T): z.ZodType<T, string> {
  return yamlText().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}
