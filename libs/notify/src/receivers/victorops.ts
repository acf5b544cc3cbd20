import { Secret } from '#libs/yaml-config';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { clipCharacters } from '../message/clip.ts';
import { groupKeyHash } from './group-key-hash.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_STATE_MESSAGE = 20_480;
const TYPES = new Set(['INFO', 'WARNING', 'CRITICAL']);

/** VictorOps, now Splunk On-Call: its REST endpoint. */
export const victoropsReceiver: HttpReceiver<SettingsOf<'victorops'>> = {
  *converse(scope) {
    const { settings } = scope;
    const routingKey = scope.required(settings.routing_key, 'routing_key');
    const type = scope.text('message_type').toUpperCase();
    const firingType = TYPES.has(type) ? type : 'CRITICAL';
    const key = encodeURIComponent(settings.api_key.reveal());
    yield {
      url: new Secret(joinUrl(settings.api_url, `${key}/${encodeURIComponent(routingKey)}`)),
      ...jsonBody({
        ...Object.fromEntries(
          settings.custom_fields.map(([name, template]) => [
            name,
            scope.expand(template ?? '', `custom_fields.${name}`),
          ]),
        ),
        message_type: scope.isFiring ? firingType : 'RECOVERY',
        entity_id: groupKeyHash(scope.notification.groupKey),
        entity_display_name: scope.text('entity_display_name'),
        state_message: clipCharacters(scope.text('state_message'), MAX_STATE_MESSAGE),
        monitoring_tool: scope.text('monitoring_tool'),
      }),
    };
  },
};
