import type { Secret } from '#libs/yaml-config';
import type { DeliveryError } from '../delivery/delivery-error.ts';
import type { HttpAnswer } from '../delivery/http-verdict.ts';
import type { MessageScope } from './message-scope.ts';

/** A request that a receiver wants sent. */
export interface ReceiverCall {
  /** Default POST. */
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly url: string | Secret;
  readonly headers?: readonly (readonly [string, string | Secret])[];
  readonly body?: string | Uint8Array;
  /** Whether the receiver reads the body of a success. Default: no. */
  readonly wantsBody?: boolean;
  /**
   * What the message can do without: where it fails the receiver gets an answer of status 0, and the message is
   * delivered all the same. Default: no.
   */
  readonly isExtra?: boolean;
  /**
   * What an answer means; null where all is well. Default: by the status.
   * @see judgeHttpAnswer
   */
  readonly judge?: (answer: HttpAnswer, nowMs: number) => DeliveryError | null;
}

/**
 * What a receiver says to its service: it yields requests and is handed their answers, which have passed `judge`. It
 * may throw a `DeliveryError` for what an answer says beyond its status. It has no effects, so that a test can hold the
 * conversation by hand.
 */
type Conversation = Generator<ReceiverCall, void, HttpAnswer>;

/** What is particular to one kind of receiver. */
export interface HttpReceiver<Settings> {
  /** Makes a label or annotation harmless in this medium, before templates see it. Default: as it is. */
  readonly neutralize?: (text: string) => string;
  /** Whether templates escape for HTML. Default: no. */
  readonly isHtml?: (settings: Settings) => boolean;
  readonly converse: (scope: MessageScope<Settings>) => Conversation;
}

/** A body of JSON and its header. */
export function jsonBody(value: unknown): {
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
} {
  return { headers: [['Content-Type', 'application/json']], body: JSON.stringify(value) };
}
