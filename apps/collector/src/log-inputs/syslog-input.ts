import { LOG_LEVELS, type LogLevel } from '#libs/log-pipeline';
import { DatagramListener, StreamListener } from '#libs/node-listen';
import { parseSyslog, type SyslogElement, SyslogSplitter } from '#libs/syslog';
import { type LogInput, type LogInputContext, serverTls } from './log-input.ts';
import type { SyslogInputConfig } from './log-inputs-config.ts';
import { RecordBatcher } from './record-batcher.ts';
import type { SenderFields } from './sender-fields.ts';

const MIB = 1024 * 1024;
/** Datagrams that are not safe, beyond which further ones are dropped. */
const DATAGRAM_WAITING_BYTES = 16 * MIB;
const HELD_BYTES_EACH = MIB;
const HELD_BYTES = 16 * MIB;
/** How long the rest of a message may take. */
const MESSAGE_MS = 60_000;

const LEVELS: Readonly<Record<string, LogLevel>> = {
  emerg: 'fatal',
  alert: 'fatal',
  crit: 'fatal',
  err: 'error',
  warning: 'warn',
  notice: 'info',
  info: 'info',
  debug: 'debug',
};

/** Messages of syslog, over UDP, TCP or TLS. */
export class SyslogInput implements LogInput {
  readonly name: string;
  readonly #config: SyslogInputConfig;
  readonly #context: LogInputContext;
  readonly #senders: SenderFields;
  #batcher: RecordBatcher | null = null;
  #listener: { close(): Promise<void> } | null = null;

  constructor(config: SyslogInputConfig, context: LogInputContext, senders: SenderFields) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#senders = senders;
  }

  async start(): Promise<void> {
    const batcher = new RecordBatcher(this.#context, this.name);
    const listener =
      this.#config.protocol === 'udp' ? this.#datagrams(batcher) : this.#streams(batcher);
    await listener.listen();
    this.#batcher = batcher;
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    const listener = this.#listener;
    const batcher = this.#batcher;
    this.#listener = null;
    this.#batcher = null;
    await listener?.close();
    await batcher?.stop();
  }

  #datagrams(batcher: RecordBatcher): DatagramListener {
    const { metrics, logger } = this.#context;
    return new DatagramListener({
      ...this.#config.listen,
      receiveBufferBytes: 4 * MIB,
      received: (bytes, remoteAddress) => {
        if (batcher.waitingBytes + bytes.length > DATAGRAM_WAITING_BYTES) {
          metrics.dropped(this.name, 'full', 1);
          return;
        }
        const { max_message_size: maxBytes } = this.#config;
        if (bytes.length > maxBytes) metrics.truncated(this.name, 1);
        void this.#add(batcher, bytes.subarray(0, maxBytes), remoteAddress);
      },
      failed: (error) => logger.error('an input has a problem', error, { input: this.name }),
    });
  }

  #streams(batcher: RecordBatcher): StreamListener {
    const { metrics, logger, baseDir } = this.#context;
    const { listen, tls_config: tls, max_connections: maxConnections } = this.#config;
    const { idle_timeout: idleMs, max_message_size: maxBytes } = this.#config;
    return new StreamListener(
      {
        ...listen,
        tls: serverTls(tls, baseDir),
        maxConnections,
        idleMs,
        messageMs: MESSAGE_MS,
        maxHeldBytesEach: HELD_BYTES_EACH,
        maxHeldBytes: HELD_BYTES,
        maxPendingBytes: 64 * MIB,
        accept: (connection) => {
          const splitter = new SyslogSplitter(maxBytes);
          const addAll = (messages: readonly Buffer[]): void => {
            for (const message of messages) {
              const release = connection.hold(message.length);
              void this.#add(batcher, message, connection.remoteAddress).then(release, release);
            }
          };
          return {
            receive: (bytes) => {
              const before = splitter.truncated;
              addAll(splitter.push(bytes));
              if (splitter.truncated > before) {
                metrics.truncated(this.name, splitter.truncated - before);
              }
            },
            get pendingBytes() {
              return splitter.pendingBytes;
            },
            ended: () => {
              const before = splitter.truncated;
              const rest = splitter.end();
              metrics.truncated(this.name, splitter.truncated - before);
              if (rest !== null) addAll([rest]);
            },
          };
        },
      },
      metrics.listenerEvents(this.name, (error) =>
        logger.error('an input has a problem', error, { input: this.name }),
      ),
    );
  }

  #add(batcher: RecordBatcher, bytes: Buffer, remoteAddress: string): Promise<void> {
    const nowMs = Date.now();
    const zoneMinutes = this.#config.utc_offset ?? -new Date(nowMs).getTimezoneOffset();
    const parsed = parseSyslog(bytes, { nowMs, zoneMinutes });
    const { source } = this.#senders.of(remoteAddress);
    return batcher.add((builder) => {
      builder.begin(source, parsed.seconds, parsed.nanos, nowMs);
      builder.field('facility', parsed.facility);
      builder.field('severity', parsed.severity);
      builder.field('hostname', parsed.hostname);
      builder.field('app_name', parsed.appName);
      builder.field('proc_id', parsed.procId);
      builder.field('msg_id', parsed.msgId);
      if (parsed.structured.length > 0) {
        builder.field('structured_data', structuredOf(parsed.structured));
      }
      const level = LEVELS[parsed.severity];
      if (level !== undefined) builder.level(LOG_LEVELS.indexOf(level));
      builder.message(parsed.message);
      builder.end();
    });
  }
}

/** Values by name by element. */
function structuredOf(elements: readonly SyslogElement[]): object {
  return Object.fromEntries(
    elements.map(({ id, parameters }) => [id, Object.fromEntries(parameters)]),
  );
}
