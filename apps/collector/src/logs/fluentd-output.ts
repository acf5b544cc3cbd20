import { hostname } from 'node:os';
import { join } from 'node:path';
import { toTlsClientConfig } from '#libs/discovery';
import { FileSpoolFiles } from '#libs/node-files';
import type { ForwardCredentials } from '#libs/node-forward';
import { readSecret, tlsConnectionOptions } from '#libs/node-http';
import type { AppLogger } from '#libs/platform';
import { Spool } from '#libs/spool';
import type { Secret } from '#libs/yaml-config';
import type { OutputMetrics } from '../outputs/output-metrics.ts';
import { DeadLetterFile } from './dead-letter-file.ts';
import { ForwardTransport } from './forward-transport.ts';
import { LogOutput, type LogOutputEvents } from './log-output.ts';
import type { LogTransport } from './log-transport.ts';
import type { FluentdConfig, SpoolConfig } from './logs-config.ts';

/** Where an output lives, and to whom it tells what it does. */
export interface LogOutputContext {
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  readonly spoolFolder: string;
  readonly metrics: OutputMetrics;
  readonly logger: AppLogger;
}

const MAX_REQUEST_BYTES = 1024 * 1024;

/** An output to servers of the forward protocol. */
export function createFluentdOutput(config: FluentdConfig, context: LogOutputContext): LogOutput {
  const output = `fluentd-${config.name}`;
  const { logger } = context;
  const transport = new ForwardTransport(
    {
      servers: [{ host: config.host, port: config.port }, ...config.fallbacks],
      hostname: hostname(),
      isCompressed: config.compress === 'gzip',
      timeoutMs: config.ack_timeout,
      credentials: () => credentialsOf(config, context.baseDir),
    },
    {
      connected: ({ host, port }) =>
        logger.info('connected to Fluentd', { output, address: `${host}:${port}` }),
      failed: ({ host, port }, detail) =>
        logger.debug('a Fluentd server failed', { output, address: `${host}:${port}`, detail }),
    },
  );
  return createLogOutput(output, transport, config, context);
}

/** What outputs of every kind have in common. */
function createLogOutput(
  name: string,
  transport: LogTransport,
  config: {
    readonly min_backoff: number;
    readonly max_backoff: number;
    readonly spool: SpoolConfig;
  },
  { spoolFolder, metrics, logger }: LogOutputContext,
): LogOutput {
  const { spool } = config;
  const deadLetters = new DeadLetterFile(join(spoolFolder, 'rejected.ndjson'));
  const events: LogOutputEvents = {
    sent: (records) => metrics.logsSent(name, records),
    failed: (records) => metrics.logsRetried(name, records),
    rejected: (chunk, detail) => {
      metrics.logsDropped(name, 'rejected', chunk.count);
      void deadLetters.add(chunk, detail).catch((error: unknown) => {
        logger.error('a rejected record could not be kept', error, { output: name });
      });
    },
    queued: (records) => metrics.logsQueued(name, records),
    spooled: (store) => metrics.logsSpooled(name, store),
    spoolFailed: (error) => logger.error('the spool does not work', error, { output: name }),
    stateChanged: (isUp, detail) => {
      if (isUp) logger.info('records are delivered', { output: name });
      else logger.warn('records are not taken', { output: name, detail });
    },
  };
  return new LogOutput(
    {
      transport,
      minBackoffMs: config.min_backoff,
      maxBackoffMs: config.max_backoff,
      maxRequestBytes: MAX_REQUEST_BYTES,
      spoolAfterMs: spool.after,
      openSpool:
        spool.max_size === 0
          ? null
          : (): Promise<Spool> =>
              Spool.open({
                files: new FileSpoolFiles(spoolFolder),
                maxBytes: spool.max_size,
                policy: spool.when_full,
              }),
    },
    events,
  );
}

async function credentialsOf(config: FluentdConfig, baseDir: string): Promise<ForwardCredentials> {
  const read = (secret: Secret | undefined, path: string | undefined): Promise<string> | null => {
    if (secret !== undefined) return Promise.resolve(secret.reveal());
    return path === undefined ? null : readSecret({ kind: 'file', path }, baseDir);
  };
  const { username, tls_config: tls } = config;
  return {
    sharedKey: (await read(config.shared_key, config.shared_key_file)) ?? null,
    user:
      username === undefined
        ? null
        : { name: username, password: (await read(config.password, config.password_file)) ?? '' },
    tls: tls === undefined ? null : await tlsConnectionOptions(toTlsClientConfig(tls), baseDir),
  };
}
