/** One change of a {@link StateStore}: a key of an area gets a value, or with null is removed. */
export interface StateChange {
  readonly area: string;
  readonly key: string;
  readonly value: string | null;
}

/**
 * Small state that no restart may forget: alert states, the notification log, silences, offsets. An area is the keys of one
 * duty, such as `rules` or `notifications`; a duty loads its area at the start and writes changes as they happen.
 */
export interface StateStore {
  /** All keys of an area. @throws StateStoreError */
  load(area: string): Promise<Map<string, string>>;
  /**
   * Makes all changes or, if it fails, none. When it resolves they survive a power cut; a later call never overtakes an
   * earlier one. @throws StateStoreError
   */
  apply(changes: readonly StateChange[]): Promise<void>;
  /** Waits for what is being written. Closing twice is harmless. */
  close(): Promise<void>;
}

/** A store that can say what it holds, so that all of it can be moved. */
export interface StateArchive extends StateStore {
  /** The areas that have keys, sorted. @throws StateStoreError */
  areas(): Promise<string[]>;
}

/** State could not be read or written; trying again later may help. */
export class StateStoreError extends Error {
  override readonly name = 'StateStoreError';
  readonly isRetryable: boolean;
  constructor(message: string, isRetryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isRetryable = isRetryable;
  }
}
