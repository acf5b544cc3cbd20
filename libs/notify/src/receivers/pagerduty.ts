import { Secret } from '#libs/yaml-config';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import type { MessageScope } from '../http/message-scope.ts';
import { byteLength, clipCharacters } from '../message/clip.ts';
import { filledOnly } from './attachment-fields.ts';
import { groupKeyHash } from './group-key-hash.ts';
import type { SettingsOf } from './settings-of.ts';

type Scope = MessageScope<SettingsOf<'pagerduty'>>;

const EVENTS_V2 = 'https://events.pagerduty.com/v2/enqueue';
const EVENTS_V1 = 'https://events.pagerduty.com/generic/2010-04-15/create_event.json';
const MAX_SUMMARY = 1_024;
/** PagerDuty refuses larger events. */
const MAX_EVENT_BYTES = 512_000;

/** PagerDuty: the Events API v2 for a routing key, and the older generic one for a service key. */
export const pagerdutyReceiver: HttpReceiver<SettingsOf<'pagerduty'>> = {
  *converse(scope) {
    const { routing_key: routingKey, url } = scope.settings;
    yield routingKey === null
      ? { url: url === '' ? EVENTS_V1 : url, ...jsonBody(eventV1(scope)) }
      : { url: url === '' ? EVENTS_V2 : url, ...jsonBody(eventV2(scope, routingKey)) };
  },
};

function eventV2(scope: Scope, routingKey: Secret): object {
  const { settings } = scope;
  return fitting(detailsOf(scope), (details) => ({
    routing_key: scope.requiredSecret(routingKey, 'routing_key').reveal(),
    dedup_key: groupKeyHash(scope.notification.groupKey),
    event_action: scope.isFiring ? 'trigger' : 'resolve',
    payload: {
      summary: clipCharacters(scope.text('description'), MAX_SUMMARY),
      source: scope.text('source'),
      severity: scope.text('severity'),
      ...filledOnly({
        class: scope.text('class'),
        component: scope.text('component'),
        group: scope.text('group'),
      }),
      custom_details: details,
    },
    client: scope.text('client'),
    client_url: scope.text('client_url'),
    ...attached(scope, 'images', settings.images, 'src'),
    ...attached(scope, 'links', settings.links, 'href'),
  }));
}

function eventV1(scope: Scope): object {
  const key = scope.settings.service_key ?? new Secret('');
  return fitting(detailsOf(scope), (details) => ({
    service_key: scope.requiredSecret(key, 'service_key').reveal(),
    incident_key: groupKeyHash(scope.notification.groupKey),
    event_type: scope.isFiring ? 'trigger' : 'resolve',
    description: clipCharacters(scope.text('description'), MAX_SUMMARY),
    client: scope.text('client'),
    client_url: scope.text('client_url'),
    details,
  }));
}

function detailsOf(scope: Scope): object {
  return Object.fromEntries(
    [...scope.settings.details].map(([name, value]) => [
      name,
      scope.expandValue(value, `details.${name}`),
    ]),
  );
}

/** Leaves the details out where the event would be too large with them. */
function fitting(details: object, eventWith: (details: object) => object): object {
  const event = eventWith(details);
  if (byteLength(JSON.stringify(event)) <= MAX_EVENT_BYTES) return event;
  return eventWith({ note: 'The details were left out: with them the event is too large.' });
}

/** Images and links; those that come out without an address are left out, since PagerDuty refuses them. */
function attached(
  scope: Scope,
  key: 'images' | 'links',
  templates: readonly Readonly<Record<string, string>>[],
  address: string,
): object {
  const items = templates
    .map((item, i) =>
      filledOnly(
        Object.fromEntries(
          Object.entries(item).map(([name, text]) => [
            name,
            scope.expand(text, `${key}[${i}].${name}`),
          ]),
        ),
      ),
    )
    .filter((item) => item[address] !== undefined);
  return items.length === 0 ? {} : { [key]: items };
}
