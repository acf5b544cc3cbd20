import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface WebhookAlert {
  readonly status: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A webhook that answers at once, or never. */
export class Webhook {
  /** Requests of which everything came. */
  count = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * @param onAlert hears of each alert, and when the first byte of its message came, by `performance.now()`
   * @param isHanging whether it takes requests and answers none
   */
  static async start(
    onAlert: (alert: WebhookAlert, timeMs: number) => void,
    isHanging = false,
  ): Promise<Webhook> {
    const server = createServer((request, response) => {
      const timeMs = performance.now();
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (part: string) => (text += part));
      request.once('end', () => {
        hook.count++;
        if (!isHanging) response.end();
        const { alerts } = JSON.parse(text) as { alerts: readonly WebhookAlert[] };
        for (const alert of alerts) onAlert(alert, timeMs);
      });
    });
    const hook = new Webhook(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return hook;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
