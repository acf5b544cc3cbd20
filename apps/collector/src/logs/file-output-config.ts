import { byteSize, durationMs } from '#libs/yaml-config';
import { z } from 'zod';
import { spoolSchema } from './spool-config.ts';

const schema = z.strictObject({
  /** Tells outputs apart in logs, metrics and on disk. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, { error: 'accepted are letters, digits, _ and -' }),
  /** Relative ones begin at the configuration file's folder. */
  path: z.string().min(1).max(4096),
  format: z.enum(['json', 'text'], { error: 'accepted are json, text' }).default('json'),
  /** A file that has grown so long gets the name `PATH.1`, that one `PATH.2`, and so on. */
  max_size: byteSize().prefault('100MiB'),
  /** Files that are kept besides the one being written. */
  max_files: z.int().min(0).max(1_000).default(5),
  min_backoff: durationMs({ minMs: 10 }).prefault('500ms'),
  max_backoff: durationMs({ minMs: 10 }).prefault('30s'),
  spool: spoolSchema.prefault({}),
});

/** The outputs' key `files`. */
export const fileOutputsSchema = z
  .array(schema)
  .max(20)
  .superRefine((outputs, context) => {
    const names = new Set<string>();
    const paths = new Set<string>();
    outputs.forEach(({ name, path, max_size: maxSize }, index) => {
      if (names.has(name)) {
        const message = 'another output has this name; give each a name of its own';
        context.addIssue({ code: 'custom', message, path: [index, 'name'] });
      }
      if (paths.has(path)) {
        const message = 'another output writes to this file; give each a file of its own';
        context.addIssue({ code: 'custom', message, path: [index, 'path'] });
      }
      if (maxSize === 0) {
        context.addIssue({
          code: 'custom',
          message: 'expected some room',
          path: [index, 'max_size'],
        });
      }
      names.add(name);
      paths.add(path);
    });
  });

export type FileOutputConfig = z.output<typeof fileOutputsSchema>[number];
