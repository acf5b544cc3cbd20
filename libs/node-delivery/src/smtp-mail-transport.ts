import { connect, type Socket } from 'node:net';
import { createTransport } from 'nodemailer';
import type { EmailIntegration } from '#libs/dispatch';
import {
  DeliveryError,
  type EmailMessage,
  judgeSmtpResponse,
  type MailTransport,
  withoutSecrets,
} from '#libs/notify';
import { Secret } from '#libs/yaml-config';
import { AddressPolicy, DEFAULT_DENIED_NETWORKS } from './address-policy.ts';
import { toDeliveryError } from './connection-error.ts';
import type { FileSecretReader } from './file-secret-reader.ts';
import { readTlsOptions } from './tls-options.ts';

const IMPLICIT_TLS_PORT = 465;
/** Of a server's answer no more is read. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/**
 * E-mail over nodemailer, one connection per message. Where TLS is required a server without it is refused; where it is
 * not, it is still used if the server offers it, whatever its certificate, since the alternative is no secrecy at all.
 */
export class SmtpMailTransport implements MailTransport {
  readonly #files: FileSecretReader;

  readonly #policy: AddressPolicy;

  /** @param options.policy whom mail may be handed to. Default: anybody but link-local addresses */
  constructor(files: FileSecretReader, options: { readonly policy?: AddressPolicy } = {}) {
    this.#files = files;
    this.#policy =
      options.policy ?? new AddressPolicy({ denied: DEFAULT_DENIED_NETWORKS, allowed: [] });
  }

  /** @throws DeliveryError */
  async send(
    message: EmailMessage,
    server: EmailIntegration,
    timeoutMs: number,
  ): Promise<readonly string[]> {
    const { host, port } = server.smarthost;
    const secure = server.usesImplicitTls ?? port === IMPLICIT_TLS_PORT;
    const tls = await readTlsOptions(server.tls, this.#files);
    const known: Secret[] = [];
    const auth = await this.#auth(server, known);
    const isOpportunistic = !secure && !server.requiresTls;
    let socket: Socket | null = null;
    const transport = createTransport({
      getSocket: (_, callback) => {
        socket = this.#connect(host, port, callback);
      },
      host,
      port,
      secure,
      name: server.hello,
      ...auth,
      requireTLS: !secure && server.requiresTls,
      opportunisticTLS: isOpportunistic,
      tls: isOpportunistic ? { ...tls, rejectUnauthorized: false } : tls,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
      socketCloseTimeout: 0,
      maxResponseSize: MAX_RESPONSE_BYTES,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const deadline = new AbortController();
    const late = new DeliveryError('timeout', `the mail server took longer than ${timeoutMs} ms`);
    const timer = setTimeout(() => deadline.abort(late), timeoutMs);
    try {
      const { rejected } = await transport.sendMail({
        from: message.from,
        to: message.to,
        subject: message.subject,
        messageId: message.messageId,
        ...(message.references.length === 0
          ? {}
          : { references: [...message.references], inReplyTo: message.references.at(-1) }),
        headers: message.headers.map(([key, value]) => ({ key, value })),
        ...(message.text === null ? {} : { text: message.text }),
        ...(message.html === null ? {} : { html: message.html }),
        ...(message.pictures.length === 0
          ? {}
          : {
              attachments: message.pictures.map(({ cid, png }) => ({
                cid,
                filename: 'chart.png',
                contentType: 'image/png',
                contentDisposition: 'inline' as const,
                content: Buffer.from(png),
              })),
            }),
        signal: deadline.signal,
      });
      return rejected.map(String);
    } catch (error) {
      throw deadline.signal.aborted ? late : withoutSecrets(toMailError(error), known);
    } finally {
      clearTimeout(timer);
      transport.close();
      destroy(socket);
    }
  }

  /** Connects by itself, to see where that has led before a word is said. */
  #connect(
    host: string,
    port: number,
    callback: (error: Error | null, options?: { connection: Socket }) => void,
  ): Socket {
    const socket = connect({ host, port });
    const fail = (error: Error) => callback(error);
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      if (this.#policy.allows(socket.remoteAddress)) {
        callback(null, { connection: socket });
        return;
      }
      socket.destroy();
      const reason = 'the address of the mail server is one that must not be connected to';
      callback(new DeliveryError('misconfigured', reason));
    });
    return socket;
  }

  /** @param known is given the password in every form a server hears it in */
  async #auth({ auth }: EmailIntegration, known: Secret[]): Promise<object> {
    if (auth.kind === 'none') return {};
    const isPassword = auth.kind === 'password';
    const secret = await this.#files.read(isPassword ? auth.password : auth.secret);
    const credentials = { user: auth.username, pass: secret.reveal() };
    for (const said of [credentials.pass, `\0${credentials.user}\0${credentials.pass}`]) {
      known.push(new Secret(Buffer.from(said).toString('base64')));
    }
    known.push(secret);
    return { auth: isPassword ? credentials : { ...credentials, method: 'CRAM-MD5' } };
  }
}

/** Ends a connection that may still be coming about, and is not listened to any more. */
function destroy(socket: Socket | null): void {
  socket?.on('error', () => {}).destroy();
}

/** What nodemailer adds to its errors. */
interface SmtpFailure {
  readonly responseCode?: unknown;
  readonly response?: unknown;
  readonly code?: unknown;
}

function toMailError(error: unknown): DeliveryError {
  if (typeof error !== 'object' || error === null) return toDeliveryError(error);
  if (error instanceof DeliveryError) return error;
  const { responseCode, response, code }: SmtpFailure = error;
  if (typeof responseCode === 'number') {
    return judgeSmtpResponse(responseCode, typeof response === 'string' ? response : '');
  }
  if (code === 'EENVELOPE') {
    return new DeliveryError('rejected', 'no valid address to send to', { cause: error });
  }
  if (code === 'EAUTH' || code === 'ENOAUTH') {
    return new DeliveryError('unauthorized', 'the mail server did not let us in', { cause: error });
  }
  return toDeliveryError(error);
}
