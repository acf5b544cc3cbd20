import type { StateChange } from './state-store.ts';

/** What the worker is asked. */
export type StateRequest =
  | { readonly id: number; readonly kind: 'load'; readonly area: string }
  | { readonly id: number; readonly kind: 'areas' }
  | { readonly id: number; readonly kind: 'apply'; readonly changes: readonly StateChange[] }
  | { readonly id: number; readonly kind: 'close' };

/** What the worker answers; the first message has the id 0 and says how opening went. */
export type StateReply =
  | { readonly id: number; readonly kind: 'opened'; readonly setAside: readonly string[] }
  | { readonly id: number; readonly kind: 'loaded'; readonly entries: [string, string][] }
  | { readonly id: number; readonly kind: 'listed'; readonly areas: string[] }
  | { readonly id: number; readonly kind: 'done' }
  | { readonly id: number; readonly kind: 'failed'; readonly reason: string };

export interface StateWorkerData {
  readonly path: string;
}
