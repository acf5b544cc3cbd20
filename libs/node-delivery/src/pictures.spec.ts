import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { alertOf, ReceiverWorld } from '../testing/receiver-world.ts';

let world: ReceiverWorld;
beforeAll(async () => {
  world = await ReceiverWorld.start();
});
beforeEach(() => world.provider.reset());
afterAll(() => world.stop());

const chart = { png: Buffer.from('the picture'), description: 'The last hour' };
const DISCORD = '{webhook_url: URL/d}';
const SLACK = '{app_token: xoxb-1, app_url: URL/api/chat.postMessage, channel: c}';
const TELEGRAM = '{api_url: URL, bot_token: t, chat_id: 42, message_thread_id: 7}';

function send(kind: string, block: string) {
  return world.deliver(world.integration(kind, block), [alertOf({ labels: {} })], {}, { chart });
}

function requests() {
  return world.provider.requests.map(({ path, body }) => [path, body] as const);
}

describe('pictures', () => {
  it('go to Discord in the message', async () => {
    await send('discord', DISCORD);
    const [[, body]] = requests() as [[string, string]];
    expect(world.provider.requests).toHaveLength(1);
    expect(body).toMatch(/name="payload_json"\r\n\r\n\{.*"url":"attachment:\/\/chart\.png"/);
    expect(body).toContain(
      'name="files[0]"; filename="chart.png"\r\nContent-Type: image/png\r\n\r\nthe picture\r\n--',
    );
  });

  it('are left out where Discord does not take them', async () => {
    world.provider.answers = ({ headers }) => ({
      status: String(headers['content-type']).startsWith('multipart/') ? 403 : 204,
    });
    await send('discord', DISCORD);
    expect(requests().map(([, body]) => typeof body)).toEqual(['string', 'object']);
  });

  it('follow the text in Telegram, which counts without them', async () => {
    world.provider.answers = ({ path }) => ({ status: path.endsWith('Photo') ? 400 : 200 });
    const { chartError } = await send('telegram', TELEGRAM);
    expect(chartError).toContain('400');
    expect(requests().map(([path]) => path)).toEqual(['/bott/sendMessage', '/bott/sendPhoto']);
    const photo = requests()[1]![1] as string;
    expect(photo).toMatch(/name="chat_id"\r\n\r\n42\r\n/);
    expect(photo).toMatch(/name="message_thread_id"\r\n\r\n7\r\n/);
    expect(photo).toMatch(/name="photo"; filename="chart.png"[^]*the picture/);
  });

  it('go into the thread of a message of a bot in Slack', async () => {
    world.provider.answers = ({ path }) => {
      if (path === '/api/chat.postMessage') return { body: { ok: true, channel: 'C1', ts: '1.2' } };
      if (path !== '/api/files.getUploadURLExternal') return { body: { ok: true } };
      return { body: { ok: true, upload_url: `${world.provider.url}/upload/F1`, file_id: 'F1' } };
    };
    expect((await send('slack', SLACK)).chartError).toBeUndefined();
    expect(requests().slice(1)).toEqual([
      [
        '/api/files.getUploadURLExternal',
        { filename: 'chart.png', length: '11', alt_txt: 'The last hour' },
      ],
      ['/upload/F1', 'the picture'],
      [
        '/api/files.completeUploadExternal',
        { files: [{ id: 'F1', title: 'The last hour' }], channel_id: 'C1', thread_ts: '1.2' },
      ],
    ]);
    const upload = world.provider.requests[2]!;
    expect(upload.headers['authorization']).toBeUndefined();
  });

  it('are not uploaded to a place that is not Slack', async () => {
    world.provider.answers = ({ path }) => ({
      body: path.startsWith('/api/chat')
        ? { ok: true, channel: 'C1', ts: '1.2' }
        : { ok: true, upload_url: 'http://169.254.169.254/x', file_id: 'F1' },
    });
    await send('slack', SLACK);
    expect(requests()).toHaveLength(2);
  });

  it('that a bot may not upload cost nothing but themselves', async () => {
    world.provider.answers = ({ path }) => ({
      body: path.startsWith('/api/chat')
        ? { ok: true, channel: 'C1', ts: '1.2' }
        : { ok: false, error: 'missing_scope' },
    });
    expect((await send('slack', SLACK)).chartError).toContain('missing_scope');
  });

  it('are part of the card in Teams', async () => {
    await send('msteamsv2', '{webhook_url: URL/m}');
    expect(JSON.stringify(requests()[0]![1])).toContain(
      `{"type":"Image","url":"data:image/png;base64,${chart.png.toString('base64')}","altText":"The last hour"`,
    );
  });
});
