import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { clipCharacters } from '../message/clip.ts';
import { neutralizeAtWords } from '../message/neutralize.ts';
import { attachmentFields, filledOnly } from './attachment-fields.ts';
import type { SettingsOf } from './settings-of.ts';

/** Mattermost refuses posts of more than 16,383 characters; attachments are cut a little below. */
const MAX_TEXT = 16_000;

/** Mattermost: an attachment of an incoming webhook. */
export const mattermostReceiver: HttpReceiver<SettingsOf<'mattermost'>> = {
  neutralize: neutralizeAtWords,
  *converse(scope) {
    const { settings } = scope;
    yield {
      url: settings.webhook_url,
      ...jsonBody({
        ...filledOnly({
          channel: scope.text('channel'),
          username: scope.text('username'),
          icon_url: scope.text('icon_url'),
          icon_emoji: scope.text('icon_emoji'),
        }),
        ...(settings.priority === null
          ? {}
          : {
              priority: {
                ...settings.priority,
                priority: scope.expand(settings.priority.priority, 'priority.priority'),
              },
            }),
        ...(settings.props === null
          ? {}
          : { props: { card: scope.expand(settings.props.card, 'props.card') } }),
        attachments: [
          {
            fallback: scope.text('fallback'),
            color: scope.text('color'),
            text: clipCharacters(scope.text('text'), MAX_TEXT),
            title: scope.text('title'),
            title_link: scope.text('title_link'),
            ...filledOnly({
              pretext: scope.text('pretext'),
              author_name: scope.text('author_name'),
              author_link: scope.text('author_link'),
              author_icon: scope.text('author_icon'),
              thumb_url: scope.text('thumb_url'),
              image_url: scope.text('image_url'),
              footer: scope.text('footer'),
              footer_icon: scope.text('footer_icon'),
            }),
            ...attachmentFields(scope, settings.fields, false),
          },
        ],
      }),
    };
  },
};
