import type { MessageChart } from '../delivery-context.ts';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { clipBytes } from '../message/clip.ts';
import { neutralizeMarkdownLinks } from '../message/neutralize.ts';
import type { SettingsOf } from './settings-of.ts';

/** Teams refuses messages of more than 28 KiB; JSON and the frame need some of it. */
const MAX_TEXT_BYTES = 20_000;
const MAX_TITLE_BYTES = 2_000;
const MAX_PICTURE_BYTES = 12_000;

const RED = '8C1A1A';
const GREEN = '2DC72D';

/** Microsoft Teams: a legacy connector's message card. */
export const msteamsReceiver: HttpReceiver<SettingsOf<'msteams'>> = {
  neutralize: neutralizeMarkdownLinks,
  *converse(scope) {
    const answer = yield {
      url: scope.settings.webhook_url,
      ...jsonBody({
        '@context': 'http://schema.org/extensions',
        type: 'MessageCard',
        title: clipBytes(scope.text('title'), MAX_TITLE_BYTES),
        summary: clipBytes(scope.text('summary'), MAX_TITLE_BYTES),
        text: clipBytes(scope.text('text'), MAX_TEXT_BYTES),
        themeColor: scope.isFiring ? RED : GREEN,
      }),
      wantsBody: true,
    };
    // Connectors answer 200 and put what went wrong into the text.
    const status = /HTTP error (\d{3})/.exec(answer.body)?.[1];
    if (status === undefined) return;
    const message = `Teams answered 200, and in its text HTTP error ${status}`;
    if (status === '429') throw new DeliveryError('rate_limited', message);
    throw new DeliveryError(status.startsWith('5') ? 'server_error' : 'rejected', message);
  },
};

/** A picture within the card; one that leaves too little room for the text stays away. */
function pictureOf(chart: MessageChart | null) {
  if (chart === null) return null;
  const url = `data:image/png;base64,${Buffer.from(chart.png).toString('base64')}`;
  if (url.length > MAX_PICTURE_BYTES) return null;
  return { type: 'Image', url, altText: chart.description, size: 'Stretch' };
}

/** Microsoft Teams: an adaptive card for a workflow. */
export const msteamsv2Receiver: HttpReceiver<SettingsOf<'msteamsv2'>> = {
  neutralize: neutralizeMarkdownLinks,
  *converse(scope) {
    const picture = pictureOf(scope.chart);
    const maxTextBytes = MAX_TEXT_BYTES - (picture?.url.length ?? 0);
    yield {
      url: scope.settings.webhook_url,
      ...jsonBody({
        type: 'message',
        attachments: [
          {
            contentType: 'application/vnd.microsoft.card.adaptive',
            contentUrl: null,
            content: {
              $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
              type: 'AdaptiveCard',
              version: '1.2',
              body: [
                {
                  type: 'TextBlock',
                  text: clipBytes(scope.text('title'), MAX_TITLE_BYTES),
                  weight: 'Bolder',
                  size: 'Medium',
                  wrap: true,
                  style: 'heading',
                  color: scope.isFiring ? 'Attention' : 'Good',
                },
                {
                  type: 'TextBlock',
                  text: clipBytes(scope.text('text'), maxTextBytes),
                  wrap: true,
                },
                ...(picture === null ? [] : [picture]),
              ],
              msteams: { width: 'full' },
            },
          },
        ],
      }),
    };
  },
};
