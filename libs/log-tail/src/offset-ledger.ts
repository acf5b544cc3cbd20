import { assert } from '#libs/invariant';

interface Entry {
  readonly endOffset: number;
  commitOffset: number;
  isAcknowledged: boolean;
}

/**
 * The batches of one file that are under way. Acknowledgements come in any order; the committed offset is the point
 * before which everything has been acknowledged.
 */
export class OffsetLedger {
  #entries: Entry[] = [];
  #committed: number;

  constructor(offset: number) {
    this.#committed = offset;
  }

  get committed(): number {
    return this.#committed;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Begins anew, as when the file was truncated; acknowledgements of older batches are no longer expected. */
  reset(offset: number): void {
    this.#entries = [];
    this.#committed = offset;
  }

  /** A batch ending at `endOffset` goes out. */
  add(endOffset: number): object {
    const entry: Entry = { endOffset, commitOffset: endOffset, isAcknowledged: false };
    this.#entries.push(entry);
    return entry;
  }

  /**
   * A batch has arrived.
   * @param ticket what {@link add} gave
   * @param heldFromOffset where a line begins that is held back for its continuation, or the end of the batch
   * @returns whether the committed offset moved
   */
  acknowledge(ticket: object, heldFromOffset: number): boolean {
    const entry = this.#entries.find((candidate) => candidate === ticket);
    // Not there: the file was truncated in the meantime.
    if (entry === undefined) return false;
    assert(!entry.isAcknowledged, 'a batch was acknowledged twice');
    entry.isAcknowledged = true;
    entry.commitOffset = Math.min(heldFromOffset, entry.endOffset);
    const before = this.#committed;
    while (this.#entries.length > 0 && this.#entries[0]!.isAcknowledged) {
      this.#committed = Math.max(this.#committed, this.#entries.shift()!.commitOffset);
    }
    return this.#committed !== before;
  }
}
