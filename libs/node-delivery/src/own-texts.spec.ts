import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MessageTemplates } from '#libs/notify';
import { alertOf, ReceiverWorld } from '../testing/receiver-world.ts';

let world: ReceiverWorld;
beforeAll(async () => {
  world = await ReceiverWorld.start();
});
beforeEach(() => world.provider.reset());
afterAll(() => world.stop());

const ALERT = {
  labels: { instance: 'a' },
  annotations: { summary: '95 % used', value: '95', threshold: '> 90' },
};
const TITLE = '[FIRING:1] critical DiskFull (instance=a)';

/** The body of the message that a block without any text sends. */
async function bodyOf(
  kind: string,
  block: string,
  isResolved = false,
  templates = MessageTemplates.create(),
): Promise<string> {
  const alerts = [alertOf({ ...ALERT, isResolved })];
  const context = { hasOwnTexts: true, templates };
  await world.deliver(world.integration(kind, block), alerts, {}, context);
  return JSON.stringify(world.provider.requests.at(-1)!.body);
}

describe('our texts in place of default templates', () => {
  it.each<[string, string, string]>([
    ['slack', '{api_url: URL/s, channel: c}', '*FIRING* 95 % used'],
    ['discord', '{webhook_url: URL/d}', '**FIRING** 95 % used'],
    ['telegram', '{api_url: URL, bot_token: t, chat_id: 1}', '<b>FIRING</b> 95 % used'],
    ['msteams', '{webhook_url: URL/m}', '**FIRING** 95 % used'],
    ['msteamsv2', '{webhook_url: URL/m}', '**FIRING** 95 % used'],
    ['mattermost', '{webhook_url: URL/m}', '**FIRING** 95 % used'],
    ['rocketchat', '{api_url: URL, token: t, token_id: i, channel: c}', '**FIRING** 95 % used'],
    [
      'webex',
      '{api_url: URL, room_id: r, http_config: {authorization: {credentials: c}}}',
      '**FIRING** 95 % used',
    ],
    ['opsgenie', '{api_url: URL, api_key: k}', 'FIRING 95 % used'],
    ['victorops', '{api_url: URL, api_key: k, routing_key: r}', 'FIRING 95 % used'],
  ])('%s tells what, since when, the value and the links', async (kind, block, first) => {
    const firing = await bodyOf(kind, block);
    expect(firing).toContain(first);
    expect(firing).toContain('since 2026-02-03 04:05:06 UTC');
    expect(firing).toMatch(/95 \(threshold (\\\\)?(>|&gt;) 90\)/);
    expect(firing).toContain('http://me.example/silence?labels=%7B%22alertname%22');
    const resolved = await bodyOf(kind, block, true);
    // Opsgenie is only told to close.
    expect(resolved).toContain(kind === 'opsgenie' ? '"source"' : 'RESOLVED');
    expect(resolved).not.toContain('FIRING');
    expect(resolved).not.toContain('/silence?');
  });

  it('have a title that says what is wrong and where', async () => {
    expect(await bodyOf('slack', '{api_url: URL/s, channel: c}')).toContain(`"title":"${TITLE}"`);
    expect(await bodyOf('pagerduty', '{url: URL/p, routing_key: k}')).toContain(TITLE);
  });

  it('give way to what the configuration or a template file says', async () => {
    expect(await bodyOf('discord', '{webhook_url: URL/d, message: mine}')).toContain('"mine"');
    const files = [['a.tmpl', '{{ define "discord.default.message" }}theirs{{ end }}']] as const;
    const templates = MessageTemplates.create(files);
    const body = await bodyOf('discord', '{webhook_url: URL/d}', false, templates);
    expect(body).toContain('"theirs"');
    const subject = MessageTemplates.create([['a.tmpl', '{{ define "__subject" }}S{{ end }}']]);
    expect(await bodyOf('discord', '{webhook_url: URL/d}', false, subject)).toContain(
      '"title":"S"',
    );
  });
});
