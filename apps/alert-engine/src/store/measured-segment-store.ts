import { FileSegmentStore } from '#libs/node-files';

/** Segments in files, with an eye on how long the disk takes to confirm. */
export class MeasuredSegmentStore extends FileSegmentStore {
  readonly #observeSync: (seconds: number) => void;

  constructor(directory: string, observeSync: (seconds: number) => void) {
    super(directory);
    this.#observeSync = observeSync;
  }

  override async sync(sequence: number): Promise<void> {
    const startedMs = performance.now();
    await super.sync(sequence);
    this.#observeSync((performance.now() - startedMs) / 1000);
  }
}
