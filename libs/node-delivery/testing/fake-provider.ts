import { createServer, type Server } from 'node:http';

/** A request as a service of ours in tests got it. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  /** Without what every HTTP client sends. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, the fields of a form, or the text. */
  readonly body: unknown;
}

interface ProviderAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

type Answers = (request: ReceivedRequest) => ProviderAnswer;

const UNINTERESTING = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'host',
  'transfer-encoding',
  'user-agent',
]);

/** An HTTP server on this machine that remembers what it is sent and answers as it is told. */
export class FakeProvider {
  readonly requests: ReceivedRequest[] = [];
  answers: Answers = () => ({});
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeProvider> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const headers = Object.entries(request.headers)
          .filter(([name]) => !UNINTERESTING.has(name))
          .map(([name, value]) => [name, String(value)] as const);
        const received = {
          method: request.method ?? '',
          path: request.url ?? '',
          headers: Object.fromEntries(headers),
          body: parseBody(Buffer.concat(chunks).toString(), request.headers['content-type'] ?? ''),
        };
        provider.requests.push(received);
        const { status = 200, headers: extra = {}, body = '' } = provider.answers(received);
        response.writeHead(status, extra);
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
    const provider = new FakeProvider(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    const address = this.#server.address();
    return typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : '';
  }

  reset(answers: Answers = () => ({})): void {
    this.requests.length = 0;
    this.answers = answers;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

function parseBody(text: string, type: string): unknown {
  if (type.startsWith('multipart/')) return text;
  if (type.includes('form')) return Object.fromEntries(new URLSearchParams(text));
  return type.includes('json') ? (JSON.parse(text) as unknown) : text;
}
