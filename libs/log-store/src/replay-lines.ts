import { BlockError } from '#libs/block-files';
import {
  type LogSegment,
  replaySegments,
  type SegmentFindings,
  type SegmentProgress,
  type SegmentStore,
} from '#libs/record-log';
import type { LineBatch } from './line-batch.ts';
import { readLineRecord } from './line-record.ts';

/** How far a replay has come. */
export interface LineReplayProgress extends SegmentProgress {
  readonly lines: number;
}

/** What a replay found. What goes beyond lines is zero after a clean stop. */
export interface LineReplayReport extends SegmentFindings {
  readonly lines: number;
}

/**
 * Reads all segments back, oldest first.
 * @param restore takes lines; the batch is valid during the call only. @returns how many it took
 * @param afterChunk is awaited between stretches of a segment. @returns false to stop
 * @returns null when it was stopped
 */
export async function replayLines(
  store: SegmentStore,
  restore: (batch: LineBatch) => number,
  afterChunk: (progress: LineReplayProgress) => Promise<boolean>,
): Promise<{ report: LineReplayReport; segments: LogSegment[] } | null> {
  const segments: LogSegment[] = [];
  let lines = 0;
  const findings = await replaySegments(store, {
    beginSegment: () => {},
    take: (payload) => {
      try {
        const batch = readLineRecord(payload);
        if (batch !== null) lines += restore(batch);
        return true;
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
        return false;
      }
    },
    endSegment: (sequence, bytes) => segments.push({ sequence, bytes }),
    goesOn: (progress) => afterChunk({ ...progress, lines }),
  });
  return findings === null ? null : { report: { ...findings, lines }, segments };
}
