import type { DeliveryError } from '../delivery/delivery-error.ts';
import { judgeHttpAnswer } from '../delivery/http-verdict.ts';
import { basicCredentials } from '../http/basic-credentials.ts';
import type { HttpReceiver } from '../http/http-receiver.ts';
import { readJsonObject } from '../http/json-answer.ts';
import type { MessageScope } from '../http/message-scope.ts';
import { clipCharacters } from '../message/clip.ts';
import type { GroupDescription } from '../message/describe-group.ts';
import { toOneLine } from '../message/one-line.ts';
import { renderTitle } from '../message/plain-text.ts';
import { formBody } from './form-body.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_BODY = 1_600;
/** Each 153 characters of a long message are paid for. */
const MAX_OURS = 459;

/** Twilio: a short message to each number. Numbers that have theirs get no second one when an attempt is repeated. */
export const twilioReceiver: HttpReceiver<SettingsOf<'twilio'>> = {
  *converse(scope) {
    const { settings, notification } = scope;
    const path = `2010-04-01/Accounts/${settings.account_sid}/Messages.json`;
    const body = scope.textOr('message', () =>
      clipCharacters(shortText(scope.describe()), MAX_OURS),
    );
    const sender =
      settings.from === ''
        ? { MessagingServiceSid: settings.messaging_service_sid }
        : { From: settings.from };
    const numbers = settings.to.map((template, i) => scope.required(template, `to[${i}]`));
    const refusals: DeliveryError[] = [];
    for (const [i, number] of numbers.entries()) {
      if (i < doneBefore(scope)) continue;
      const { headers = [], ...rest } = formBody({
        To: number,
        ...sender,
        Body: clipCharacters(body, MAX_BODY),
      });
      const refusalsBefore = refusals.length;
      yield {
        url: joinUrl(settings.api_url, path),
        ...rest,
        headers: [
          ...headers,
          ['Authorization', basicCredentials(settings.account_sid, settings.auth_token.reveal())],
        ],
        // One number that is not good must not keep the others uninformed.
        judge: (answer, nowMs) => {
          const refusal = judgeHttpAnswer(answer, nowMs);
          if (refusal?.code !== 'rejected') return refusal;
          refusals.push(refusal);
          return null;
        },
      };
      if (refusals.length > refusalsBefore) scope.refused.push(number);
      scope.remembered = JSON.stringify({ id: notification.id, done: i + 1 });
    }
    scope.remembered = null;
    const [refusal] = refusals;
    if (refusal !== undefined && refusals.length === numbers.length) throw refusal;
  },
};

/** How many numbers an earlier attempt at this message has been through. */
function doneBefore({ memory, notification }: MessageScope<unknown>): number {
  const { id, done } = readJsonObject(memory ?? '');
  return id === notification.id && typeof done === 'number' ? done : 0;
}

function shortText(group: GroupDescription): string {
  const summaries = new Set(group.alerts.map((alert) => toOneLine(alert.summary)));
  summaries.delete('');
  const text = [...summaries].join('; ');
  return text === '' ? renderTitle(group) : `${renderTitle(group)} ${text}`;
}
