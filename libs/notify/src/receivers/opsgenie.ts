import { Secret } from '#libs/yaml-config';
import { type HttpReceiver, jsonBody, type ReceiverCall } from '../http/http-receiver.ts';
import type { MessageScope } from '../http/message-scope.ts';
import { clipCharacters } from '../message/clip.ts';
import { filledOnly } from './attachment-fields.ts';
import { groupKeyHash } from './group-key-hash.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

type Scope = MessageScope<SettingsOf<'opsgenie'>>;

const MAX_MESSAGE = 130;
const MAX_DESCRIPTION = 15_000;
const MAX_NOTE = 25_000;

/** Opsgenie and Jira Service Management, which speaks the same API: one alert per group, by its alias. */
export const opsgenieReceiver: HttpReceiver<SettingsOf<'opsgenie'>> = {
  *converse(scope) {
    const alias = groupKeyHash(scope.notification.groupKey);
    if (!scope.isFiring) {
      yield call(scope, 'POST', `v2/alerts/${alias}/close?identifierType=alias`, {
        source: scope.text('source'),
        ...filledOnly({ note: clipCharacters(scope.text('note'), MAX_NOTE) }),
      });
      return;
    }
    const message = clipCharacters(scope.text('message'), MAX_MESSAGE);
    const description = clipCharacters(scope.text('description'), MAX_DESCRIPTION);
    yield call(scope, 'POST', 'v2/alerts', {
      alias,
      message,
      description,
      details: detailsOf(scope),
      source: scope.text('source'),
      ...filledOnly({
        note: clipCharacters(scope.text('note'), MAX_NOTE),
        entity: scope.text('entity'),
        priority: scope.text('priority'),
      }),
      ...listed('responders', respondersOf(scope)),
      ...listed('tags', commaList(scope.text('tags'))),
      ...listed('actions', commaList(scope.text('actions'))),
    });
    if (!scope.settings.update_alerts) return;
    const at = (part: string) => `v2/alerts/${alias}/${part}?identifierType=alias`;
    yield call(scope, 'PUT', at('message'), { message });
    yield call(scope, 'PUT', at('description'), { description });
  },
};

function call(scope: Scope, method: 'POST' | 'PUT', path: string, body: object): ReceiverCall {
  const { headers, ...rest } = jsonBody(body);
  const key = scope.requiredSecret(scope.settings.api_key, 'api_key');
  return {
    method,
    url: joinUrl(scope.settings.api_url, path),
    ...rest,
    headers: [...headers, ['Authorization', new Secret(`GenieKey ${key.reveal()}`)]],
  };
}

function detailsOf(scope: Scope): object {
  const own = scope.settings.details.map(([name, template]): [string, string] => [
    name,
    scope.expand(template ?? '', `details.${name}`),
  ]);
  return Object.fromEntries([...scope.data.commonLabels, ...own]);
}

function respondersOf(scope: Scope): object[] {
  return scope.settings.responders.flatMap((responder, i) => {
    const text = (key: keyof typeof responder) =>
      scope.expand(responder[key], `responders[${i}].${key}`);
    const type = text('type').toLowerCase();
    const name = text('name');
    if (type === 'teams') return commaList(name).map((team) => ({ name: team, type: 'team' }));
    const found = filledOnly({ id: text('id'), name, username: text('username') });
    // A template may give nothing on purpose.
    return Object.keys(found).length === 0 ? [] : [{ ...found, type }];
  });
}

function commaList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function listed(key: string, items: readonly unknown[]): object {
  return items.length === 0 ? {} : { [key]: items };
}
