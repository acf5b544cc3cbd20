import { FrameScanner } from './log-frame.ts';
import type { SegmentStore } from './segment-store.ts';

/** How far a replay has come. */
export interface SegmentProgress {
  readonly segments: number;
  readonly totalSegments: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** What a replay found besides records. Everything but the first is zero after a clean stop. */
export interface SegmentFindings {
  readonly segments: number;
  /** The numbers of segments that end within a record, and the bytes cut there: the write a power cut or a kill interrupted. */
  readonly tornSegments: readonly number[];
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

/** Who takes back what the segments hold. */
export interface RecordTaker {
  /** The records to come are of this segment. */
  beginSegment(sequence: number): void;
  /** The payload is a view that is valid during the call only. @returns false for one that this version does not understand */
  take(payload: Buffer): boolean;
  /** All records of a segment of so many bytes have been told. */
  endSegment(sequence: number, bytes: number): void;
  /** Asked after each stretch of a segment and at its end. @returns false to stop */
  goesOn(progress: SegmentProgress): boolean | Promise<boolean>;
}

/**
 * Reads all segments back, oldest first. It does not fail on anything they hold: a torn tail is cut, a segment with damage
 * inside is set aside as a copy and used as far as it is sound.
 * @returns null when it was stopped
 * @throws what the store throws when it cannot even list its segments
 */
export async function replaySegments(
  store: SegmentStore,
  taker: RecordTaker,
): Promise<SegmentFindings | null> {
  const listed = await store.list();
  const totalBytes = listed.reduce((sum, segment) => sum + segment.bytes, 0);
  const tornSegments: number[] = [];
  const segmentsSetAside: number[] = [];
  const unreadableSegments: { sequence: number; reason: string }[] = [];
  let [bytes, tornBytes] = [0, 0];
  let [damagedRecords, damagedBytes, unknownRecords] = [0, 0, 0];
  for (const [index, { sequence, bytes: segmentBytes }] of listed.entries()) {
    const progressOf = (segments: number): SegmentProgress => ({
      segments,
      totalSegments: listed.length,
      bytes,
      totalBytes,
    });
    const unknownBefore = unknownRecords;
    let isUnreadable = false;
    taker.beginSegment(sequence);
    const scanner = new FrameScanner((payload) => {
      if (!taker.take(payload)) unknownRecords++;
    });
    try {
      for await (const chunk of store.read(sequence)) {
        scanner.push(chunk);
        bytes += chunk.length;
        if (!(await taker.goesOn(progressOf(index)))) return null;
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
    // The tail of what could not be read may be sound.
    if (summary.tornBytes > 0 && !isUnreadable && !isBlank) {
      tornSegments.push(sequence);
      tornBytes += summary.tornBytes;
      await ignoringFailure(store.truncate(sequence, summary.soundBytes));
    }
    taker.endSegment(sequence, segmentBytes);
    if (!(await taker.goesOn(progressOf(index + 1)))) return null;
  }
  return {
    segments: listed.length,
    tornSegments,
    tornBytes,
    damagedRecords,
    damagedBytes,
    unknownRecords,
    segmentsSetAside,
    unreadableSegments,
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
