import { hostname } from 'node:os';
import { toTlsClientConfig } from '#libs/discovery';
import type { ForwardCredentials } from '#libs/node-forward';
import { readSecret, tlsConnectionOptions } from '#libs/node-http';
import type { Secret } from '#libs/yaml-config';
import { createLogOutput, type LogOutputContext } from './create-log-output.ts';
import { ForwardTransport } from './forward-transport.ts';
import type { LogOutput } from './log-output.ts';
import type { FluentdConfig } from './logs-config.ts';

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
