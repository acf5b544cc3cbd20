import { connect, type IncomingHttpHeaders } from 'node:http2';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { STATUS_CODES } from 'node:http';
import type { HttpProbeRequest } from '#libs/probes';
import { toProbeFailure, untilAborted } from './probe-socket.ts';

/** An answer whose body is still to come. */
export interface AnswerHead {
  readonly status: number;
  readonly statusText: string;
  /** `1.1`, `2.0` */
  readonly httpVersion: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Readable;
}

/** Headers of the connection, which HTTP/2 has in another form or not at all (RFC 9113, 8.2.2). */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Sends a request over a connection on which TLS has agreed on HTTP/2. The session ends with its socket.
 * @param headers those of the request and its credentials
 */
export function sendHttp2(
  socket: TLSSocket,
  url: URL,
  request: HttpProbeRequest,
  headers: readonly (readonly [string, string])[],
): Promise<AnswerHead> {
  const answer = new Promise<AnswerHead>((resolve, reject) => {
    const session = connect(url.origin, {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    session.on('error', reject);
    session.once('close', () => reject(new Error('the server closed the connection')));
    const stream = session.request(
      { ...headerFields(url, request, headers) },
      { endStream: request.body === '' },
    );
    stream.on('error', reject);
    // Once there is an answer this says nothing more.
    stream.once('close', () => reject(new Error('the server closed the stream')));
    stream.once('response', (received) => {
      const status = received[':status'] ?? 0;
      resolve({
        status,
        statusText: STATUS_CODES[status] ?? '',
        httpVersion: '2.0',
        headers: receivedHeaders(received),
        body: stream,
      });
    });
    if (request.body !== '') stream.end(request.body);
  });
  return untilAborted(answer, request.signal).catch((error: unknown) => {
    throw toProbeFailure(error, 'protocol', 'waiting for the answer', request.signal);
  });
}

function headerFields(
  url: URL,
  { method, body }: HttpProbeRequest,
  headers: readonly (readonly [string, string])[],
): Record<string, string | string[]> {
  const host = headers.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? url.host;
  const fields: Record<string, string | string[]> = {
    ':method': method,
    ':scheme': 'https',
    ':authority': host,
    ':path': url.pathname + url.search,
  };
  if (body !== '') fields['content-length'] = String(Buffer.byteLength(body));
  for (const [written, value] of headers) {
    const name = written.toLowerCase();
    if (OF_CONNECTIONS.has(name) || name.startsWith(':')) continue;
    const before = fields[name];
    fields[name] = before === undefined ? value : [before, value].flat();
  }
  return fields;
}

function receivedHeaders(received: IncomingHttpHeaders): [string, string][] {
  return Object.entries(received)
    .filter(([name]) => !name.startsWith(':'))
    .flatMap(([name, value]) => [value ?? []].flat().map((one): [string, string] => [name, one]));
}
