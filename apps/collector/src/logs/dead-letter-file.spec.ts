import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MsgpackWriter } from '#libs/forward';
import { DeadLetterFile } from './dead-letter-file.ts';
import type { LogChunk } from './log-chunk.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-rejected-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A mebibyte and a half, of three records. */
function chunkOf(number: number): LogChunk {
  const writer = new MsgpackWriter();
  for (let i = 0; i < 3; i++) {
    writer.arrayHeader(2);
    writer.eventTime(1, 0);
    writer.value({ message: `${number} ${'x'.repeat(512 * 1024)}` });
  }
  return { tag: 't', entries: Buffer.from(writer.written), count: 3 };
}

describe('records that a receiver did not want', () => {
  it('are kept within bounds, and counted when they make room', async () => {
    const path = join(folder, 'rejected.ndjson');
    let overwritten = 0;
    const file = new DeadLetterFile(path, (records) => (overwritten += records));
    for (let i = 0; i < 17; i++) await file.add(chunkOf(i), 'no');
    const lines = [`${path}.1`, path].flatMap((name) =>
      readFileSync(name, 'utf8').trim().split('\n'),
    );
    // Five chunks go into a file.
    expect(lines).toHaveLength(3 * 7);
    expect(overwritten).toBe(3 * 10);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({
      tag: 't',
      reason: 'no',
      record: { message: expect.stringMatching(/^16 /) },
    });
  });
});
