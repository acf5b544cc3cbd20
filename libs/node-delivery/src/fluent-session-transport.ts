import { type FluentEvent, FluentSession } from '#libs/node-fluent';
import {
  DeliveryError,
  type FluentRecord,
  type FluentTarget,
  type FluentTransport,
} from '#libs/notify';

/** Records to Fluentd, a connection for each message. */
export class FluentSessionTransport implements FluentTransport {
  /** @throws DeliveryError */
  send(
    { host, port, tag, sharedKey }: FluentTarget,
    label: string,
    records: readonly FluentRecord[],
    timeoutMs: number,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () => {
        session.close();
        reject(new DeliveryError('timeout', `Fluentd took longer than ${timeoutMs} ms`));
      };
      const timer = setTimeout(late, timeoutMs);
      const session = new FluentSession(
        {
          host,
          port,
          tag,
          ack_timeout: timeoutMs,
          ...(sharedKey === null ? {} : { shared_key: sharedKey }),
        },
        {
          connected: () => {},
          failed: (reason) => {
            clearTimeout(timer);
            reject(new DeliveryError('unreachable', `Fluentd: ${reason}`));
          },
        },
      );
      session.send(label, records.map(toEvent), () => {
        clearTimeout(timer);
        session.close();
        resolve();
      });
    });
  }
}

function toEvent({ timeMs, record }: FluentRecord): FluentEvent {
  const timeSeconds = Math.floor(timeMs / 1_000);
  return { timeSeconds, timeNanos: (timeMs - timeSeconds * 1_000) * 1_000_000, record };
}
