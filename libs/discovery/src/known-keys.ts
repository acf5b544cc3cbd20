import { z } from 'zod';

/**
 * An object schema that refuses every key outside `shape`, and says of the keys Prometheus knows but this version
 * cannot do that this is the reason.
 * @param cannotDo a sentence for each such key
 */
export function objectOfKnownKeys<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  cannotDo: (key: string) => string | null,
): z.ZodObject<Shape, z.core.$strict> {
  const accepted = Object.keys(shape).toSorted().join(', ');
  const refused = z.custom(() => false, {
    error: (issue) => {
      const key = String(issue.path?.at(-1) ?? '');
      return cannotDo(key) ?? `unknown key ${JSON.stringify(key)}; accepted are ${accepted}`;
    },
  });
  // What is refused never comes out, so the type is that of the strict object.
  return z.object(shape).catchall(refused);
}
