import type { LogsUnavailableError, LogStore } from '#libs/log-store';

/** What the engine's duties read of log lines. */
export interface EngineLogs extends Pick<
  LogStore,
  'streams' | 'read' | 'volume' | 'eachChunk' | 'subscribe'
> {
  /** Why lines cannot be taken at present, or null; while its code is `replaying` or `closed`, nothing is to be read. */
  unavailability(): LogsUnavailableError | null;
}

/** The engine's {@link EngineLogs}. */
export const LOG_STORE = Symbol('LogStore');
