import type { EmailIntegration, HttpConnectionConfig, SecretSource } from '#libs/dispatch';
import type { Secret } from '#libs/yaml-config';
import type { HttpAnswer } from './delivery/http-verdict.ts';

/** One request to a receiver. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** The address may be a credential by itself. */
  readonly url: Secret;
  /** Of several with the same name the last counts. */
  readonly headers: readonly (readonly [string, string | Secret])[];
  readonly body: string | Uint8Array | null;
  /** For everything together, from the look-up of the name to the end of the answer. */
  readonly timeoutMs: number;
  readonly connection: HttpConnectionConfig;
  /** Whether to wait for the body of an answer that is a success; others are read anyway. */
  readonly wantsBody: boolean;
}

/** Sends requests. Redirects are answers like any other; of an answer's body at most 64 KiB are read. */
export interface HttpTransport {
  /** @throws DeliveryError where no answer came */
  send(request: HttpRequest): Promise<HttpAnswer>;
}

/** A Fluentd server. */
export interface FluentTarget {
  readonly host: string;
  readonly port: number;
  readonly tag: string;
  readonly sharedKey: Secret | null;
}

/** One record, and when it happened. */
export interface FluentRecord {
  readonly timeMs: number;
  readonly record: Readonly<Record<string, unknown>>;
}

/** Hands records to Fluentd (forward protocol). */
export interface FluentTransport {
  /**
   * Settles when the server has acknowledged all of them.
   * @param label the last part of their tag
   * @throws DeliveryError
   */
  send(
    target: FluentTarget,
    label: string,
    records: readonly FluentRecord[],
    timeoutMs: number,
  ): Promise<void>;
}

/** What receivers remember of a group: the message to update, the thread to answer in. Kept over restarts. */
export interface ReceiverMemory {
  read(key: string): string | null;
  /** @param text null forgets */
  write(key: string, text: string | null): Promise<void>;
}

/** An e-mail, ready to be put into MIME. Header names and values have no line breaks. */
export interface EmailMessage {
  readonly from: string;
  /** Addresses separated by commas. */
  readonly to: string;
  readonly subject: string;
  readonly messageId: string;
  /** Ids of earlier messages of the thread; empty for none. */
  readonly references: readonly string[];
  readonly headers: readonly (readonly [string, string])[];
  /** Null where a part is left out; not both. */
  readonly text: string | null;
  readonly html: string | null;
  /** Pictures that the HTML shows as `cid:<cid>`. */
  readonly pictures: readonly { readonly cid: string; readonly png: Uint8Array }[];
}

/** Hands e-mails to a mail server. */
export interface MailTransport {
  /**
   * @returns the addressees for whom the server did not take it, while it did for others
   * @throws DeliveryError where it was taken for nobody
   */
  send(
    message: EmailMessage,
    server: EmailIntegration,
    timeoutMs: number,
  ): Promise<readonly string[]>;
}

/** Reads secrets where they are needed, so that a rotated file counts at once. */
export interface SecretReader {
  /** @throws DeliveryError `misconfigured`, naming the file */
  read(source: SecretSource): Promise<Secret>;
}
