import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { clipCharacters } from '../message/clip.ts';
import { toOneLine } from '../message/one-line.ts';
import { renderTitle } from '../message/plain-text.ts';
import { renderStyled } from '../message/styled-text.ts';
import { MARKDOWN_STYLE } from '../message/text-styles.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_TITLE = 250;
const MAX_MESSAGE = 20_000;
/** From 8 on Android's app makes a sound and shows a banner. */
const FIRING_PRIORITY = 8;
const RESOLVED_PRIORITY = 4;

/** Gotify: a message of an application. */
export const gotifyReceiver: HttpReceiver<SettingsOf<'gotify'>> = {
  *converse(scope) {
    const { settings, isFiring } = scope;
    const group = scope.describe();
    const isOurs = settings.message === null;
    const message = scope.textOr('message', () =>
      renderStyled(group, MARKDOWN_STYLE, { max: MAX_MESSAGE, hasBanner: false }),
    );
    const written = scope.text('priority').trim();
    const { headers, ...rest } = jsonBody({
      title: clipCharacters(toOneLine(scope.textOr('title', () => renderTitle(group))), MAX_TITLE),
      message: clipCharacters(message, MAX_MESSAGE),
      priority: /^\d{1,2}$/.test(written)
        ? Number(written)
        : isFiring
          ? FIRING_PRIORITY
          : RESOLVED_PRIORITY,
      extras: {
        'client::display': { contentType: isOurs ? 'text/markdown' : 'text/plain' },
        ...(group.externalUrl === ''
          ? {}
          : { 'client::notification': { click: { url: group.externalUrl } } }),
      },
    });
    yield {
      url: joinUrl(settings.server_url, 'message'),
      ...rest,
      headers: [...headers, ['X-Gotify-Key', settings.token]],
    };
  },
};
