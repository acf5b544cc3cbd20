import type { Matcher } from '#libs/labels';
import type { LogBatch } from '#libs/log-store';

/** What reads like a log store. */
export interface LineReader {
  read(request: {
    readonly matchers: readonly Matcher[];
    readonly startNs: bigint;
    readonly endNs: bigint;
    readonly direction: 'forward' | 'backward';
  }): AsyncIterable<LogBatch>;
}

/** A line as a store has it. */
export interface StoredLine {
  readonly labels: Readonly<Record<string, string>>;
  readonly timeNs: bigint;
  readonly line: string;
  readonly metadata: Readonly<Record<string, string>> | null;
}

/** All lines of the streams that the matchers accept, oldest first. */
export async function storedLines(
  store: LineReader,
  matchers: readonly Matcher[] = [],
): Promise<StoredLine[]> {
  const lines: StoredLine[] = [];
  const range = { startNs: 0n, endNs: 2n ** 63n - 1n, direction: 'forward' } as const;
  for await (const batch of store.read({ matchers, ...range })) {
    for (let i = 0; i < batch.count; i++) {
      const metadata = batch.metadataOf(i);
      lines.push({
        labels: batch.stream.labels.toRecord(),
        timeNs: batch.timesNs[i]!,
        line: batch.bytes.toString('utf8', batch.starts[i], batch.ends[i]),
        metadata: metadata === null ? null : Object.fromEntries(metadata),
      });
    }
  }
  return lines;
}
