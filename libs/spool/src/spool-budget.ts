/** A spool that shares a disk with others. */
export interface BudgetMember {
  /** Where room is scarce, those with a lower one make room first. */
  readonly priority: number;
  /** Bytes on disk. */
  readonly diskBytes: number;
  /** Whether it can make room; what others were promised is safe cannot. */
  readonly givesWay: boolean;
  /** It is to make that much room, soon and by itself. */
  makeRoom(bytes: number): void;
  /** What of that is still to come. */
  readonly owedBytes: number;
}

/**
 * What all spools of a disk may take together. Whoever needs room for something new has it at once where others have to make
 * it, which they do in their own time: nobody waits for the disk of another. So for a moment more may be used, by what is
 * being made room for.
 */
export class SpoolBudget {
  readonly #members = new Set<BudgetMember>();
  #maxBytes: number;

  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** Bytes on disk of all members. */
  get usedBytes(): number {
    let sum = 0;
    for (const { diskBytes } of this.#members) sum += diskBytes;
    return sum;
  }

  join(member: BudgetMember): void {
    this.#members.add(member);
  }

  leave(member: BudgetMember): void {
    this.#members.delete(member);
  }

  /** From here on so much may be used; who has to make room is told. */
  setMax(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    const excess = this.#boundBytes - maxBytes;
    if (excess > 0) this.#collect(excess, this.#inOrder(Infinity), () => Infinity);
  }

  /** How many bytes a member may add, counting what others would make room for. */
  roomFor(member: BudgetMember): number {
    const room = this.#maxBytes - this.#boundBytes;
    if (room === Infinity) return room;
    const others = this.#givers(member).reduce((sum, other) => sum + leftOf(other), 0);
    return Math.max(0, room + others);
  }

  /** Whether a member may add so many bytes; those that have to make room for it are told to. */
  admit(member: BudgetMember, bytes: number): boolean {
    const missing = this.#boundBytes + bytes - this.#maxBytes;
    if (!(missing > 0)) return true;
    const givers = this.#givers(member);
    const mostOf = (other: BudgetMember): number =>
      // One that is as important gives what it has more than this one.
      other.priority < member.priority ? Infinity : leftOf(other) - member.diskBytes - bytes;
    const given = givers.reduce((sum, other) => sum + Math.min(leftOf(other), mostOf(other)), 0);
    if (given < missing) return false;
    this.#collect(missing, givers, mostOf);
    return true;
  }

  /** What will be used once everybody has made the room that was asked for. */
  get #boundBytes(): number {
    let sum = 0;
    for (const member of this.#members) sum += member.diskBytes - owed(member);
    return sum;
  }

  /** Who would make room for a member, in that order. */
  #givers(member: BudgetMember): BudgetMember[] {
    return this.#inOrder(member.priority).filter(
      (other) =>
        other !== member && (other.priority < member.priority || leftOf(other) > member.diskBytes),
    );
  }

  /** The least important first, and of those that are alike the largest. */
  #inOrder(maxPriority: number): BudgetMember[] {
    return [...this.#members]
      .filter((member) => member.givesWay && member.priority <= maxPriority)
      .toSorted((a, b) => a.priority - b.priority || leftOf(b) - leftOf(a));
  }

  #collect(
    bytes: number,
    givers: readonly BudgetMember[],
    mostOf: (member: BudgetMember) => number,
  ): void {
    let missing = bytes;
    for (const member of givers) {
      const share = Math.min(missing, leftOf(member), mostOf(member));
      if (share <= 0) continue;
      member.makeRoom(share);
      missing -= share;
      if (missing <= 0) return;
    }
  }
}

function owed({ diskBytes, owedBytes }: BudgetMember): number {
  return Math.min(diskBytes, owedBytes);
}

function leftOf(member: BudgetMember): number {
  return member.diskBytes - owed(member);
}
