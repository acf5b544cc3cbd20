import { hostname } from 'node:os';
import type { ForwardArrival } from '#libs/forward';
import { ForwardListener, type ForwardListenerSecrets } from '#libs/node-forward';
import { readSecret } from '#libs/node-http';
import type { Secret } from '#libs/yaml-config';
import { RecordBuilder } from '../logs/record-builder.ts';
import { handOver, type LogInput, type LogInputContext, serverTls } from './log-input.ts';
import type { ForwardInputConfig } from './log-inputs-config.ts';
import type { SenderFields } from './sender-fields.ts';

const MAX_CHUNK_BYTES = 1024 * 1024;

/** A server of the Fluentd forward protocol, for applications on the node. */
export class ForwardInput implements LogInput {
  readonly name: string;
  readonly #config: ForwardInputConfig;
  readonly #context: LogInputContext;
  readonly #senders: SenderFields;
  #listener: ForwardListener | null = null;

  constructor(config: ForwardInputConfig, context: LogInputContext, senders: SenderFields) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#senders = senders;
  }

  async start(): Promise<void> {
    const { listen, max_message_size: maxMessageBytes } = this.#config;
    const { metrics, logger, baseDir } = this.#context;
    const input = this.name;
    const listener = new ForwardListener(
      {
        ...listen,
        // Clients take a server of their own name for themselves.
        hostname: `binnacle.${hostname()}`,
        secrets: await secretsOf(this.#config, baseDir),
        tls: serverTls(this.#config.tls_config, baseDir),
        maxMessageBytes,
        maxConnections: this.#config.max_connections,
        idleMs: this.#config.idle_timeout,
        take: (arrival, remoteAddress) => this.#take(arrival, remoteAddress),
      },
      {
        ...metrics.listenerEvents(input, (error) =>
          logger.error('an input has a problem', error, { input }),
        ),
        denied: (remoteAddress, reason) => {
          metrics.denied(input);
          logger.debug('a client was turned away', { input, remoteAddress, reason });
        },
      },
    );
    await listener.listen();
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    const listener = this.#listener;
    this.#listener = null;
    await this.#context.intake.settle();
    await listener?.close();
  }

  async #take({ tag, entries, chunk }: ForwardArrival, remoteAddress: string): Promise<void> {
    const nowMs = Date.now();
    const { source } = this.#senders.of(remoteAddress);
    const builders = [new RecordBuilder(entries.bytes)];
    while (entries.next()) {
      let builder = builders.at(-1)!;
      if (builder.byteCount >= MAX_CHUNK_BYTES) {
        builder = new RecordBuilder(entries.bytes);
        builders.push(builder);
      }
      builder.begin(source, entries.seconds, entries.nanos, nowMs);
      builder.fieldsFrom(entries.fields(), entries.fieldCount);
      builder.end();
    }
    const context = this.#context;
    await Promise.all(
      builders.map((builder) => handOver(context, this.name, tag, builder, chunk !== null)),
    );
  }
}

async function secretsOf(
  config: ForwardInputConfig,
  baseDir: string,
): Promise<ForwardListenerSecrets> {
  const read = async (
    secret: Secret | undefined,
    path: string | undefined,
  ): Promise<string | null> => {
    if (secret !== undefined) return secret.reveal();
    return path === undefined ? null : readSecret({ kind: 'file', path }, baseDir);
  };
  const users = new Map<string, string>();
  for (const { username, password, password_file: file } of config.users) {
    users.set(username, (await read(password, file)) ?? '');
  }
  return { sharedKey: await read(config.shared_key, config.shared_key_file), users };
}
