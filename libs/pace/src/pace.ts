/** Lets long work stand back: whoever does it asks often, and rests when it is time. */
export interface Pace {
  /** Whether work has gone on long enough without a pause. Cheap. */
  isDue(): boolean;
  /** Resolves when others have had their turn. */
  rest(): Promise<void>;
}

/** For tests and for programs that have nothing else to do. */
export const NO_PAUSES: Pace = { isDue: () => false, rest: () => Promise.resolve() };
