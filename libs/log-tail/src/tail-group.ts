/** A set of files that are read alike. */
export interface TailGroup {
  readonly name: string;
  /** Where to begin in files that exist when the tailer starts and are not known from before. */
  readonly from: 'beginning' | 'end';
  /** A longer line keeps its beginning. */
  readonly maxLineBytes: number;
}
