import { afterEach, describe, expect, it } from '@jest/globals';
import { MsgpackReader, MsgpackWriter } from '#libs/forward';
import { MemorySpoolFiles, Spool } from '#libs/spool';
import type { LogChunk } from './log-chunk.ts';
import { LogOutput, type LogOutputOptions } from './log-output.ts';
import type { LogDelivery, LogTransport } from './log-transport.ts';

const outputs: LogOutput[] = [];
afterEach(async () => {
  for (const output of outputs.splice(0)) await output.close();
});

function chunkOf(...messages: string[]): LogChunk {
  const writer = new MsgpackWriter();
  for (const message of messages) {
    writer.arrayHeader(2);
    writer.eventTime(1, 0);
    writer.value({ message });
  }
  return { tag: 't', entries: Buffer.from(writer.written), count: messages.length };
}

function messagesOf(chunks: readonly LogChunk[]): string[] {
  return chunks.flatMap(({ entries }) => {
    const reader = new MsgpackReader(entries);
    const messages: string[] = [];
    while (!reader.isAtEnd) {
      const [, record] = reader.readValue() as [unknown, { message: string }];
      messages.push(record.message);
    }
    return messages;
  });
}

/** A receiver in memory. */
class Receiver implements LogTransport {
  readonly concurrency = 2;
  readonly messages: string[] = [];
  isDown = false;
  poison = '';

  deliver(chunks: readonly LogChunk[]): Promise<LogDelivery> {
    if (this.isDown) return Promise.resolve({ kind: 'retry', detail: 'down', afterMs: null });
    const messages = messagesOf(chunks);
    if (this.poison !== '' && messages.includes(this.poison)) {
      return Promise.resolve({ kind: 'rejected', detail: 'bad record' });
    }
    this.messages.push(...messages);
    return Promise.resolve({ kind: 'delivered' });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Made {
  readonly output: LogOutput;
  readonly rejected: string[];
  readonly log: string[];
}

async function make(
  transport: LogTransport,
  files: MemorySpoolFiles | null,
  over: Partial<LogOutputOptions> = {},
): Promise<Made> {
  const [rejected, log]: [string[], string[]] = [[], []];
  const output = new LogOutput(
    {
      transport,
      minBackoffMs: 5,
      maxBackoffMs: 10,
      maxRequestBytes: 1000,
      spoolAfterMs: 0,
      openSpool:
        files === null
          ? null
          : (): Promise<Spool> => Spool.open({ files, maxBytes: 100_000, policy: 'drop_oldest' }),
      ...over,
    },
    {
      sent: (count) => log.push(`sent ${count}`),
      failed: () => {},
      rejected: (chunk) => rejected.push(...messagesOf([chunk])),
      queued: () => {},
      spooled: () => {},
      spoolFailed: () => log.push('spool failed'),
      stateChanged: (isUp) => log.push(isUp ? 'up' : 'down'),
    },
  );
  outputs.push(output);
  await output.open();
  return { output, rejected, log };
}

/** Hands chunks over. @returns those that are safe, as they become it */
function accept(output: LogOutput, messages: readonly string[]): string[] {
  const safe: string[] = [];
  for (const message of messages) output.accept(chunkOf(message), () => safe.push(message));
  return safe;
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !holds();) {
    if (Date.now() > end) throw new Error('it did not come to that within a minute');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const NAMES = Array.from({ length: 20 }, (_, i) => `m${i}`);

describe('an output', () => {
  it('delivers everything once, and says so', async () => {
    const receiver = new Receiver();
    const { output, log } = await make(receiver, null);
    const safe = accept(output, NAMES);
    await output.drain(60_000);
    expect(receiver.messages).toEqual(NAMES);
    expect(safe).toEqual(NAMES);
    expect(log[0]).toBe('up');
    expect(output.queuedRecords).toBe(0);
  });

  it('without a spool waits for its receiver', async () => {
    const receiver = new Receiver();
    receiver.isDown = true;
    const { output, log } = await make(receiver, null);
    const safe = accept(output, NAMES);
    await until(() => log.includes('down'));
    expect(safe).toEqual([]);
    receiver.isDown = false;
    await output.drain(60_000);
    expect(receiver.messages.toSorted()).toEqual(NAMES.toSorted());
    expect(safe).toHaveLength(20);
  });

  it('puts on disk what it cannot deliver, and delivers it in order before what comes later', async () => {
    const receiver = new Receiver();
    receiver.isDown = true;
    const { output } = await make(receiver, new MemorySpoolFiles());
    const safe = accept(output, NAMES);
    await until(() => safe.length === 20);
    expect(receiver.messages).toEqual([]);
    expect(output.spool!.records).toBe(20);
    const later = accept(output, ['later']);
    await until(() => later.length === 1);
    receiver.isDown = false;
    await until(() => output.spool!.isEmpty);
    expect(receiver.messages).toEqual([...NAMES, 'later']);
  });

  it('delivers after a restart what the run before put on disk', async () => {
    const files = new MemorySpoolFiles();
    const down = new Receiver();
    down.isDown = true;
    const first = await make(down, files);
    const safe = accept(first.output, NAMES);
    await until(() => safe.length === 20);
    await first.output.close();
    const receiver = new Receiver();
    const second = await make(receiver, files);
    accept(second.output, ['new']);
    await until(() => receiver.messages.length === 21);
    expect(receiver.messages).toEqual([...NAMES, 'new']);
  });

  it('says of nothing that it is safe while the disk is full and the receiver away', async () => {
    const files = new MemorySpoolFiles();
    files.capacityBytes = 10;
    const receiver = new Receiver();
    receiver.isDown = true;
    const { output, log } = await make(receiver, files);
    const safe = accept(output, NAMES);
    await until(() => log.includes('spool failed'));
    expect(safe).toEqual([]);
    receiver.isDown = false;
    await until(() => safe.length === 20);
    expect(new Set(receiver.messages)).toEqual(new Set(NAMES));
  });

  it.each([false, true])(
    'finds the one record of a thousand that is not wanted, and delivers the others; from disk: %s',
    async (isFromDisk) => {
      const receiver = new Receiver();
      receiver.poison = 'r417';
      receiver.isDown = isFromDisk;
      const { output, rejected } = await make(receiver, isFromDisk ? new MemorySpoolFiles() : null);
      const names = Array.from({ length: 1000 }, (_, i) => `r${i}`);
      let safe = 0;
      output.accept(chunkOf(...names.slice(0, 500)), () => safe++);
      output.accept(chunkOf(...names.slice(500)), () => safe++);
      await until(() => safe === 2);
      receiver.isDown = false;
      await until(() => receiver.messages.length >= 999 && rejected.length === 1);
      expect(rejected).toEqual(['r417']);
      expect(new Set(receiver.messages)).toEqual(new Set(names.filter((name) => name !== 'r417')));
    },
  );
});
