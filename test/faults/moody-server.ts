import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

const testdata = join(import.meta.dirname, '..', '..', 'libs', 'node-delivery', 'testdata');
/** A certificate that nobody vouches for, with its key. */
const UNTRUSTED = {
  cert: readFileSync(join(testdata, 'localhost.crt.pem')),
  key: readFileSync(join(testdata, 'localhost.key.pem')),
};

/** What a server does with a connection while its mood lasts. */
export type Mood = (socket: Socket, server: MoodyServer) => void;

/** A request of which everything arrived. */
export interface TakenRequest {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An HTTP server that treats each connection as its mood is, and answers 200 once it has none. */
export class MoodyServer {
  /** What it took while it had no mood. */
  readonly taken: TakenRequest[] = [];
  /** Connections made so far. */
  connections = 0;
  /** Connections that are over, by either side. */
  closed = 0;
  /** Bytes that were handed to the network. */
  bytesSent = 0;
  #mood: Mood | null;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #http = createHttpServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => (body += part));
    request.on('end', () => {
      this.taken.push({ headers: request.headers, body });
      response.setHeader('connection', 'close');
      response.end();
    });
  });

  private constructor(mood: Mood | null, isTls: boolean) {
    this.#mood = mood;
    const greet = (socket: Socket): void => this.#greet(socket);
    this.#server = isTls ? createTlsServer(UNTRUSTED, greet) : createServer(greet);
  }

  static async start(mood: Mood | null, isTls = false): Promise<MoodyServer> {
    const moody = new MoodyServer(mood, isTls);
    await new Promise<void>((resolve) => {
      moody.#server.listen(0, '127.0.0.1', resolve);
    });
    return moody;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on all is well; what is on the wire stays as it is. */
  recover(): void {
    this.#mood = null;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.#http.close();
  }

  #greet(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.closed++;
      this.bytesSent += socket.bytesWritten;
      this.#sockets.delete(socket);
    });
    if (this.#mood === null) this.#http.emit('connection', socket);
    else this.#mood(socket, this);
  }
}

/** Says something as soon as something of a request is here. */
const afterRequest =
  (say: (socket: Socket) => void): Mood =>
  (socket) =>
    void socket.once('data', () => say(socket)).resume();

const drip = (socket: Socket, text: string): void => {
  let at = 0;
  const timer = setInterval(() => socket.write(text[at++ % text.length]!), 1_000);
  socket.once('close', () => clearInterval(timer));
};

/** An answer in full; the connection ends with it. */
export const answering = (status: string, ...headers: readonly string[]): Mood =>
  afterRequest((socket) => {
    socket.end(
      [`HTTP/1.1 ${status}`, 'connection: close', 'content-length: 0', ...headers, '', ''].join(
        '\r\n',
      ),
    );
  });

/** Headers, then a gibibyte, as fast as it is taken. */
const gibibyteAfter = (status: string): Mood =>
  afterRequest((socket) => {
    socket.write(`HTTP/1.1 ${status}\r\ncontent-length: ${2 ** 30}\r\n\r\n`);
    const block = Buffer.alloc(65_536, 'x');
    let left = 2 ** 30;
    const pump = (): void => {
      while (left > 0 && !socket.destroyed) {
        left -= block.length;
        if (!socket.write(block)) return;
      }
    };
    socket.on('drain', pump);
    pump();
  });

export const MOODS = {
  hangsBeforeHeaders: afterRequest(() => {}),
  hangsInHeaders: afterRequest((socket) => void socket.write('HTTP/1.1 200 OK\r\n')),
  hangsAfterFailure: afterRequest(
    (socket) => void socket.write('HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n'),
  ),
  dripsHeaders: afterRequest((socket) => drip(socket, 'HTTP/1.1 200 OK\r\nx: ')),
  resets: afterRequest((socket) => void socket.resetAndDestroy()),
  hangsUp: (socket: Socket) => void socket.destroy(),
  talksGarbage: afterRequest((socket) => void socket.end('\u0000\u0001garbage\r\n\r\n')),
  gibibyteOfFailure: gibibyteAfter('500 No'),
  gibibyteOfSuccess: gibibyteAfter('200 OK'),
} as const satisfies Readonly<Record<string, Mood>>;
