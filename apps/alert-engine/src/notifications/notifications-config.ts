import { z } from 'zod';

/** `alertmanager_config`: a file in Alertmanager's format, relative to the configuration file. */
export const alertmanagerConfigSchema = z.string().min(1).optional();
