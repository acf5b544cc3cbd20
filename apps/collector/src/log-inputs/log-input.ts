import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { StreamTls } from '#libs/node-listen';
import type { AppLogger } from '#libs/platform';
import { IntakeBatch, IntakeRefusal, type LogIntake } from '../logs/log-intake.ts';
import type { RecordBuilder } from '../logs/record-builder.ts';
import type { InputMetrics } from './input-metrics.ts';
import type { ServerTlsConfig } from './log-inputs-config.ts';

/** A way that records come in. */
export interface LogInput {
  readonly name: string;
  /** Takes records from here on. Rejects when it cannot, and is then tried again. */
  start(): Promise<void>;
  /** Takes no more; what was taken is safe or refused. */
  stop(): Promise<void>;
}

/** Where inputs live, and to whom they tell what they do. */
export interface LogInputContext {
  /** What relative paths of files are relative to. */
  readonly baseDir: string;
  /** Where inputs keep what they must not forget. */
  readonly dataDir: string;
  readonly intake: LogIntake;
  readonly metrics: InputMetrics;
  readonly logger: AppLogger;
}

/**
 * Hands what was built to the log path, and counts.
 * @param isHeard whether the sender learns of a refusal, and so can send again
 * @throws IntakeRefusal
 */
export async function handOver(
  { intake, metrics }: LogInputContext,
  input: string,
  tag: string | null,
  records: RecordBuilder,
  isHeard: boolean,
): Promise<void> {
  const batch = new IntakeBatch(input, tag, records);
  try {
    await intake.take(batch);
    metrics.taken(batch);
    metrics.truncated(input, records.cutRecords);
  } catch (error) {
    const reason = error instanceof IntakeRefusal ? error.reason : 'disk';
    if (isHeard) metrics.refused(input, reason, batch.count);
    else metrics.dropped(input, reason, batch.count);
    throw error;
  }
}

/** The certificates that a server shows and asks for, read each time. */
export function serverTls(
  config: ServerTlsConfig | undefined,
  baseDir: string,
): (() => Promise<StreamTls>) | null {
  if (config === undefined) return null;
  const read = (path: string): Promise<string> =>
    readFile(isAbsolute(path) ? path : resolve(baseDir, path), 'utf8');
  return async () => ({
    cert: await read(config.cert_file),
    key: await read(config.key_file),
    clientCa: config.client_ca_file === undefined ? null : await read(config.client_ca_file),
  });
}
