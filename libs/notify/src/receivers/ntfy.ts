import { Secret } from '#libs/yaml-config';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { byteLength, clipBytes, clipCharacters } from '../message/clip.ts';
import { toOneLine } from '../message/one-line.ts';
import { renderTitle } from '../message/plain-text.ts';
import { renderStyled } from '../message/styled-text.ts';
import { PLAIN_STYLE } from '../message/text-styles.ts';
import type { SettingsOf } from './settings-of.ts';

/** A longer message becomes an attachment. */
const MAX_MESSAGE_BYTES = 4_096;
const MAX_TITLE = 250;

const PRIORITIES = ['min', 'low', 'default', 'high', 'urgent'];

/** ntfy: a message to a topic, published as JSON. */
export const ntfyReceiver: HttpReceiver<SettingsOf<'ntfy'>> = {
  *converse(scope) {
    const { settings, isFiring } = scope;
    const group = scope.describe();
    const message = scope.textOr('message', () =>
      renderStyled(group, PLAIN_STYLE, {
        max: MAX_MESSAGE_BYTES,
        measure: byteLength,
        hasBanner: false,
      }),
    );
    const title = toOneLine(scope.textOr('title', () => renderTitle(group)));
    const written = scope.text('priority');
    const tags = settings.tags.map((tag, i) => scope.expand(tag, `tags[${i}]`));
    const click = scope.text('click') || group.externalUrl;
    const { headers, ...rest } = jsonBody({
      topic: scope.required(settings.topic, 'topic'),
      title: clipCharacters(title, MAX_TITLE),
      message: clipBytes(message, MAX_MESSAGE_BYTES),
      priority: priorityOf(written) ?? (isFiring ? severityPriority(group.severity) : 3),
      tags: tags.length > 0 ? tags : [isFiring ? 'rotating_light' : 'white_check_mark'],
      ...(click === '' ? {} : { click }),
    });
    const { token } = settings;
    yield {
      url: settings.server_url,
      ...rest,
      headers:
        token === null
          ? headers
          : [...headers, ['Authorization', new Secret(`Bearer ${token.reveal()}`)]],
    };
  },
};

function priorityOf(text: string): number | null {
  const word = text.trim().toLowerCase();
  if (/^[1-5]$/.test(word)) return Number(word);
  const at = PRIORITIES.indexOf(word === 'max' ? 'urgent' : word);
  return at < 0 ? null : at + 1;
}

function severityPriority(severity: string): number {
  if (severity === 'critical') return 5;
  return severity === 'info' ? 3 : 4;
}
