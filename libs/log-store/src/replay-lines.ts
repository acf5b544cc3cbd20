import { BlockError } from '#libs/block-files';
import { FrameScanner, type LogSegment, type SegmentStore } from '#libs/record-log';
import type { LineBatch } from './line-batch.ts';
import { readLineRecord } from './line-record.ts';

/** How far a replay has come. */
export interface LineReplayProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly lines: number;
}

/** What a replay found. Everything but the first two is zero after a clean stop. */
export interface LineReplayReport {
  readonly segments: number;
  readonly lines: number;
  /** Bytes cut from the ends of segments whose last write was interrupted. */
  readonly tornBytes: number;
  /** Stretches of segments that hold no valid record. */
  readonly damagedRecords: number;
  readonly damagedBytes: number;
  /** Records with a valid checksum that this version does not understand. */
  readonly unknownRecords: number;
  /** Segments of which a copy was kept because of damage. */
  readonly segmentsSetAside: readonly number[];
  /** Segments that could not be read to their end, with the reason. */
  readonly unreadableSegments: readonly { readonly sequence: number; readonly reason: string }[];
}

/**
 * Reads all segments back, oldest first. It does not fail on anything they hold: a torn tail is cut, a segment with damage
 * inside is set aside as a copy and used as far as it is sound.
 * @param restore takes lines; the batch is valid during the call only. @returns how many it took
 * @param afterChunk is awaited between stretches of a segment. @returns false to stop
 * @returns null when it was stopped
 */
export async function replayLines(
  store: SegmentStore,
  restore: (batch: LineBatch) => number,
  afterChunk: (progress: LineReplayProgress) => Promise<boolean>,
): Promise<{ report: LineReplayReport; segments: LogSegment[] } | null> {
  const listed = await store.list();
  const totalBytes = listed.reduce((sum, segment) => sum + segment.bytes, 0);
  const segments: LogSegment[] = [];
  const segmentsSetAside: number[] = [];
  const unreadableSegments: { sequence: number; reason: string }[] = [];
  let [bytes, lines, tornBytes] = [0, 0, 0];
  let [damagedRecords, damagedBytes, unknownRecords] = [0, 0, 0];
  for (const [index, { sequence, bytes: segmentBytes }] of listed.entries()) {
    const unknownBefore = unknownRecords;
    let isUnreadable = false;
    const scanner = new FrameScanner((payload) => {
      try {
        const batch = readLineRecord(payload);
        if (batch !== null) lines += restore(batch);
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
        unknownRecords++;
      }
    });
    try {
      for await (const chunk of store.read(sequence)) {
        scanner.push(chunk);
        bytes += chunk.length;
        if (!(await afterChunk({ bytes, totalBytes, lines }))) return null;
      }
    } catch (error) {
      isUnreadable = true;
      const reason = error instanceof Error ? error.message : String(error);
      unreadableSegments.push({ sequence, reason });
    }
    const summary = scanner.finish();
    // The last one may be a file whose first bytes never came; before it that cannot be.
    const isBlank = summary.soundBytes === 0 && summary.tornBytes > 0 && index < listed.length - 1;
    damagedRecords += summary.damagedStretches + (isBlank ? 1 : 0);
    damagedBytes += summary.damagedBytes + (isBlank ? summary.tornBytes : 0);
    const isDamaged = summary.damagedStretches > 0 || unknownRecords > unknownBefore;
    if (isDamaged || isBlank || isUnreadable) {
      segmentsSetAside.push(sequence);
      await ignoringFailure(store.setAside(sequence));
    }
    if (summary.tornBytes > 0 && !isUnreadable && !isBlank) {
      tornBytes += summary.tornBytes;
      await ignoringFailure(store.truncate(sequence, summary.soundBytes));
    }
    segments.push({ sequence, bytes: segmentBytes });
  }
  return {
    report: {
      segments: listed.length,
      lines,
      tornBytes,
      damagedRecords,
      damagedBytes,
      unknownRecords,
      segmentsSetAside,
      unreadableSegments,
    },
    segments,
  };
}

/** Neither a copy nor a cut decides about the data; a full or read-only disk must not keep the store from starting. */
async function ignoringFailure(action: Promise<void>): Promise<void> {
  try {
    await action;
  } catch {
    // The damage is found and counted again at the next start.
  }
}
