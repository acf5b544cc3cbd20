// The small service of `npm run demo`: a shop whose readiness fails for half a minute every two minutes, with a webhook
// receiver beside it, so that an alert can be watched on its way.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { PlainError, root, say } from './workspace.mjs';
import { fetchText, query, sleep } from './stack.mjs';

const DEFAULT_PORT = 9372;
const CYCLE_MS = 120_000;
const DOWN_MS = 30_000;
const FIRST_DOWN_AFTER_MS = 20_000;
const LARGEST_NOTIFICATION_BYTES = 1024 * 1024;
const ALERT = 'ShopNotReady';

/**
 * @param port where the shop and its webhook receiver listen, on loopback
 * @param folder where the demo's alertmanager.yml is put, with that port in it
 */
export async function startDemo(port, folder) {
  mkdirSync(folder, { recursive: true });
  const template = readFileSync(join(root, 'deploy', 'local', 'demo', 'alertmanager.yml'), 'utf8');
  writeFileSync(
    join(folder, 'alertmanager.yml'),
    template.replaceAll(`127.0.0.1:${DEFAULT_PORT}`, `127.0.0.1:${port}`),
  );
  const demo = new Demo(port);
  await demo.listen();
  return demo;
}

class Demo {
  #startMs = Date.now();
  #isStopped = false;
  #wasReady = true;
  #downSinceMs = 0;
  #notifications = [];
  #requests = 0;

  constructor(port) {
    this.port = port;
    this.server = createServer((request, response) => this.#answer(request, response));
  }

  listen() {
    return new Promise((resolve, reject) => {
      this.server.once('error', (error) => {
        const reason =
          error.code === 'EADDRINUSE' ? 'the port is in use by another program' : error.message;
        reject(
          new PlainError(`the demo's shop cannot listen on 127.0.0.1:${this.port}: ${reason}.`),
        );
      });
      this.server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  /** Nothing is told any more: what comes now is the stack going down. */
  hush() {
    this.#isStopped = true;
  }

  async stop() {
    this.hush();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Prints each step an alert takes, until stopped. */
  async follow(engineUrl) {
    say(
      `demo: the shop at http://127.0.0.1:${this.port}/readyz is not ready for ${DOWN_MS / 1000} s in every ` +
        `${CYCLE_MS / 1000} s; watch the alert travel`,
    );
    this.#startMs = Date.now();
    const last = new Map();
    while (!this.#isStopped) {
      const [probe, alert] = [await this.#probe(engineUrl), await alertState(engineUrl)];
      if (this.#isStopped) return;
      this.#tellReadiness();
      this.#tellChange(last, 'probe_success in the store', probe);
      this.#tellChange(last, `alert ${ALERT}`, alert);
      for (const { atMs, body } of this.#notifications.splice(0))
        this.#tellNotification(atMs, body);
      await sleep(100);
    }
  }

  get #isReady() {
    const sinceMs = Date.now() - this.#startMs - FIRST_DOWN_AFTER_MS;
    return sinceMs < 0 || sinceMs % CYCLE_MS >= DOWN_MS;
  }

  #answer(request, response) {
    if (request.method === 'POST' && request.url === '/hook') {
      this.#receive(request, response);
      return;
    }
    this.#requests++;
    if (request.url === '/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      response.end(
        '# HELP shop_requests_total Requests the shop has answered.\n# TYPE shop_requests_total counter\n' +
          `shop_requests_total ${this.#requests}\n`,
      );
    } else if (request.url === '/readyz') {
      response.statusCode = this.#isReady ? 200 : 503;
      response.end(this.#isReady ? 'ready\n' : 'the stock database does not answer\n');
    } else {
      response.statusCode = 404;
      response.end('not found\n');
    }
  }

  #receive(request, response) {
    const atMs = Date.now();
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
      if (body.length > LARGEST_NOTIFICATION_BYTES) request.destroy();
    });
    request.on('end', () => {
      this.#notifications.push({ atMs, body });
      response.end('ok\n');
    });
  }

  async #probe(engineUrl) {
    const [series] = await query(engineUrl, 'probe_success{job="shop"}');
    return series?.value[1] ?? 'absent';
  }

  #tellReadiness() {
    const isReady = this.#isReady;
    if (isReady === this.#wasReady) return;
    this.#wasReady = isReady;
    this.#downSinceMs = Date.now();
    this.#tell(Date.now(), isReady ? 'the shop is ready again' : 'the shop stops being ready');
  }

  #tellChange(last, what, value) {
    if (last.get(what) !== value) this.#tell(Date.now(), `${what}: ${value}`);
    last.set(what, value);
  }

  #tellNotification(atMs, body) {
    const { status, alerts } = JSON.parse(body);
    const text = alerts[0]?.annotations?.summary ?? '';
    this.#tell(
      atMs,
      `webhook received: ${status.toUpperCase()} ${alerts.length} alert(s): ${text}`,
    );
  }

  #tell(atMs, text) {
    const clock = new Date(atMs).toISOString().slice(11, 23);
    const since =
      this.#downSinceMs === 0 ? '' : ` (+${((atMs - this.#downSinceMs) / 1000).toFixed(1)} s)`;
    process.stdout.write(`  ${clock}${since.padEnd(11)} ${text}\n`);
  }
}

async function alertState(engineUrl) {
  const answer = await fetchText(`${engineUrl}/api/v1/alerts`);
  if (answer === null || answer.status !== 200) return 'unknown';
  const found = JSON.parse(answer.body).data.alerts.find(
    ({ labels }) => labels.alertname === ALERT,
  );
  return found?.state ?? 'inactive';
}
