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

/** Judges every record for itself, as bulk requests do. */
class Judge extends Receiver {
  readonly requests: string[][] = [];
  readonly bad = new Set<string>();
  readonly busy = new Set<string>();

  override deliver(chunks: readonly LogChunk[]): Promise<LogDelivery> {
    if (this.isDown) return super.deliver(chunks);
    const messages = messagesOf(chunks);
    this.requests.push(messages);
    const rejected = new Map<number, string>();
    const again = new Set<number>();
    for (const [index, message] of messages.entries()) {
      if (this.bad.has(message)) rejected.set(index, 'does not fit');
      else if (this.busy.has(message)) again.add(index);
      else this.messages.push(message);
    }
    return Promise.resolve({ kind: 'partial', rejected, again, detail: 'busy', afterMs: null });
  }
}

describe('a receiver that judges every record', () => {
  it('is sent again only those for which it had no room; what it never wants is given up', async () => {
    const judge = new Judge();
    const { output, rejected } = await make(judge, null, { spoolAfterMs: 60_000 });
    judge.bad.add('b');
    judge.busy.add('c');
    const safe: string[] = [];
    output.accept(chunkOf('a', 'b', 'c', 'd'), () => safe.push('first'));
    await until(() => judge.requests.length > 2);
    expect(safe).toEqual([]);
    judge.busy.clear();
    await until(() => safe.length === 1);
    expect(judge.messages).toEqual(['a', 'd', 'c']);
    expect(
      judge.requests
        .slice(1)
        .flat()
        .every((message) => message === 'c'),
    ).toBe(true);
    expect(rejected).toEqual(['b']);
  });

  it('is sent again from the disk only those as well', async () => {
    const judge = new Judge();
    const files = new MemorySpoolFiles();
    const { output, rejected } = await make(judge, files);
    judge.isDown = true;
    judge.bad.add('b');
    judge.busy.add('c');
    const safe = accept(output, ['a', 'b', 'c', 'd']);
    await until(() => safe.length === 4);
    judge.isDown = false;
    await until(() => judge.requests.length > 2);
    judge.busy.clear();
    await until(() => output.spool!.isEmpty);
    expect(judge.messages.toSorted()).toEqual(['a', 'c', 'd']);
    expect(rejected).toEqual(['b']);
  });
});

it('what arrived of a read of the spool is not sent again when the receiver goes away', async () => {
  const receiver = new Receiver();
  const files = new MemorySpoolFiles();
  const { output, rejected } = await make(receiver, files);
  receiver.isDown = true;
  const safe = accept(output, ['a', 'b', 'poison', 'c', 'd']);
  await until(() => safe.length === 5);
  receiver.poison = 'poison';
  // It goes away after it has taken one part, and comes back.
  const deliver = receiver.deliver.bind(receiver);
  let delivered = 0;
  receiver.deliver = async (chunks) => {
    if (delivered === 1) {
      delivered++;
      return { kind: 'retry', detail: 'gone', afterMs: null };
    }
    const delivery = await deliver(chunks);
    if (delivery.kind === 'delivered') delivered++;
    return delivery;
  };
  receiver.isDown = false;
  await until(() => output.spool!.isEmpty);
  expect(receiver.messages).toEqual(['a', 'b', 'c', 'd']);
  expect(rejected).toEqual(['poison']);
});
