import { DeliveryError } from './delivery-error.ts';
import { printable } from './http-verdict.ts';

/**
 * What an SMTP server's refusal means (RFC 5321, section 4.2.1): 4xx asks to come back later, 5xx is final.
 * @param response the server's line, `450 4.2.1 Mailbox busy`
 */
export function judgeSmtpResponse(status: number, response: string): DeliveryError {
  const message = `the mail server answered ${printable(response) || String(status)}`;
  if (status === 421 || status === 450 || status === 451 || status === 452) {
    return new DeliveryError('rate_limited', message);
  }
  // Authentication: required, too weak, failed for now, invalid, encryption needed (RFC 4954).
  if ([530, 534, 535, 538].includes(status)) return new DeliveryError('unauthorized', message);
  if (status >= 400 && status < 500) return new DeliveryError('server_error', message);
  return new DeliveryError('rejected', message);
}
