import { parseRetryAfterMs } from '#libs/calendar';
import { DeliveryError } from './delivery-error.ts';

/** What came back from a receiver. */
export interface HttpAnswer {
  readonly status: number;
  /** The `Retry-After` header as it was sent; null where there was none. */
  readonly retryAfter: string | null;
  /** The beginning of the body; empty for a success whose body was not asked for. */
  readonly body: string;
}

/** No receiver can keep us away for longer. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * What an answer means for the message it answers.
 * @returns null when it was taken
 */
export function judgeHttpAnswer(answer: HttpAnswer, nowMs: number): DeliveryError | null {
  const { status } = answer;
  if (status >= 200 && status < 300) return null;
  const excerpt = printable(answer.body);
  const message = `the receiver answered ${status}${excerpt === '' ? '' : `: ${excerpt}`}`;
  const retryAfterMs = parseRetryAfterMs(answer.retryAfter, nowMs, MAX_RETRY_AFTER_MS);
  if (status === 429) return new DeliveryError('rate_limited', message, { retryAfterMs });
  if (status >= 500) return new DeliveryError('server_error', message, { retryAfterMs });
  // The server waited in vain for us, or will not risk a replay; both ask for another try.
  if (status === 408 || status === 425) {
    return new DeliveryError('timeout', message, { retryAfterMs });
  }
  if (status === 401 || status === 403 || status === 407) {
    return new DeliveryError('unauthorized', message);
  }
  if (status >= 300 && status < 400) {
    return new DeliveryError('redirected', `${message}; redirects are not followed`);
  }
  return new DeliveryError('rejected', message);
}

const MAX_EXCERPT = 300;

/** A receiver's words for a log or an API answer: one line, nothing that a terminal would obey. */
export function printable(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length <= MAX_EXCERPT ? line : `${line.slice(0, MAX_EXCERPT)}…`;
}
