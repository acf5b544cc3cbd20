const NEWLINE = 10;

/**
 * Complete lines of one file: line `i` is `bytes[lineStarts[i]]` up to `bytes[lineEnds[i]]`, without its newline. The
 * arrays may be longer than `lineCount`. All of it belongs to the tailer and is used again once the batch has been
 * acknowledged: copy what must live longer.
 */
export interface LineBatch {
  readonly group: string;
  readonly path: string;
  /** Names the file for as long as it is open, also across renames. */
  readonly fileKey: string;
  readonly bytes: Buffer;
  readonly lineCount: number;
  readonly lineStarts: Uint32Array;
  readonly lineEnds: Uint32Array;
  /** Where `bytes[0]` lies in the file. */
  readonly firstOffset: number;
  /** Where the file goes on after this batch. */
  readonly endOffset: number;
}

/** Where framing puts its lines. */
export class LineColumns {
  starts = new Uint32Array(1024);
  ends = new Uint32Array(1024);
  count = 0;

  push(start: number, end: number): void {
    if (this.count === this.starts.length) {
      this.starts = grown(this.starts);
      this.ends = grown(this.ends);
    }
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count++;
  }
}

function grown(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(column.length * 2);
  larger.set(column);
  return larger;
}

export interface FrameOptions {
  readonly maxLineBytes: number;
  /** The bytes begin inside a line of which nothing more is wanted. */
  readonly isInsideLongLine: boolean;
  /** Nothing will follow: what has no newline is a line as well. */
  readonly isFinal: boolean;
}

/** What became of the bytes. */
export interface FrameResult {
  /** How many bytes are dealt with; what follows is an unfinished line. */
  readonly consumed: number;
  /** The consumed bytes end inside a line that was cut off. */
  readonly isInsideLongLine: boolean;
  readonly truncatedLines: number;
  /** Bytes of cut-off lines that were left out. */
  readonly truncatedBytes: number;
}

/**
 * Finds the lines in `bytes[0]` up to `bytes[length]` and appends them to `columns`. A line longer than `maxLineBytes`
 * keeps its beginning; the rest is left out and counted.
 */
export function frameLines(
  bytes: Buffer,
  length: number,
  columns: LineColumns,
  options: FrameOptions,
): FrameResult {
  const { maxLineBytes, isFinal } = options;
  let start = 0;
  let truncatedLines = 0;
  let truncatedBytes = 0;
  let isInside = options.isInsideLongLine;
  while (start < length) {
    let end = bytes.indexOf(NEWLINE, start);
    const isComplete = end >= 0 && end < length;
    if (!isComplete) end = length;
    if (isInside) {
      truncatedBytes += end - start;
      start = isComplete ? end + 1 : end;
      if (isComplete) isInside = false;
      continue;
    }
    const size = end - start;
    if (size > maxLineBytes) {
      columns.push(start, start + maxLineBytes);
      truncatedLines++;
      truncatedBytes += size - maxLineBytes;
      start = isComplete ? end + 1 : end;
      isInside = !isComplete;
      continue;
    }
    if (!isComplete && !isFinal) break;
    columns.push(start, end);
    start = isComplete ? end + 1 : end;
  }
  return { consumed: start, isInsideLongLine: isInside, truncatedLines, truncatedBytes };
}
