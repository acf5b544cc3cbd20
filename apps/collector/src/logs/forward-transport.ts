import {
  ForwardSender,
  type ForwardSenderEvents,
  type ForwardSenderOptions,
} from '#libs/node-forward';
import type { LogChunk } from './log-chunk.ts';
import type { LogDelivery, LogTransport } from './log-transport.ts';

/** Chunks to servers of the Fluentd forward protocol. */
export class ForwardTransport implements LogTransport {
  readonly concurrency = 16;
  readonly #sender: ForwardSender;

  constructor(options: ForwardSenderOptions, events: ForwardSenderEvents) {
    this.#sender = new ForwardSender(options, events);
  }

  async deliver(chunks: readonly LogChunk[]): Promise<LogDelivery> {
    try {
      await Promise.all(
        byTag(chunks).map(([tag, group]) =>
          this.#sender.send({
            tag,
            entries: group.map(({ entries }) => entries),
            count: group.reduce((sum, { count }) => sum + count, 0),
          }),
        ),
      );
      return { kind: 'delivered' };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return { kind: 'retry', detail, afterMs: null };
    }
  }

  close(): Promise<void> {
    this.#sender.close();
    return Promise.resolve();
  }
}

function byTag(chunks: readonly LogChunk[]): [string, LogChunk[]][] {
  const groups = new Map<string, LogChunk[]>();
  for (const chunk of chunks) {
    const group = groups.get(chunk.tag);
    if (group === undefined) groups.set(chunk.tag, [chunk]);
    else group.push(chunk);
  }
  return [...groups];
}
