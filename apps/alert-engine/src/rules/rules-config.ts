import { z } from 'zod';

/** `rule_files`: paths and globs, relative to the configuration file. */
export const ruleFilesSchema = z.array(z.string().min(1)).default([]);
