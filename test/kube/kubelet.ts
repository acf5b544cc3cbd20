import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { KUBELET_PATHS, type KubeletPod } from './kubelet-bodies.ts';

const TLS = join(import.meta.dirname, 'tls');

/** The CA that signed the certificate of every stand-in, as a cluster's CA signs those of its kubelets. */
export const KUBELET_CA_FILE = join(TLS, 'ca.crt');

/** What a request asks for, in the words of a role: `get nodes/metrics`. */
export interface KubeletAccess {
  readonly path: string;
  /** The subresource of `nodes` that the path stands for. */
  readonly right: string;
  /** As it came, `Bearer` included; '' where there was none. */
  readonly authorization: string;
}

/** How the kubelet misbehaves from now on; everything may be changed while it runs. */
export interface KubeletFaults {
  /** The answer to every request that was let in; 200 for the usual one. */
  status: number;
  /** Takes requests and says nothing. */
  hangs: boolean;
  /** Where every request that was let in is sent on to; '' for nowhere. */
  redirectsTo: string;
  /** What is said instead of a body; '' for the usual one. */
  body: string;
}

/**
 * A strict stand-in for the kubelet of one node: TLS, a token for every request, and for each path the right that a real
 * kubelet asks the API server about. What a real one refuses, it refuses.
 */
export class StandInKubelet {
  readonly nodeName: string;
  /** Every request that was let in, and every one that was not, in order. */
  readonly accesses: KubeletAccess[] = [];
  readonly faults: KubeletFaults = { status: 200, hangs: false, redirectsTo: '', body: '' };
  /** What its bodies are about; changed by whoever runs it. */
  readonly pods: KubeletPod[];
  /** The one that is let in; rotated by whoever runs it. */
  token: string;
  /** What the token may get: `nodes/metrics` and `nodes/stats` of the role, unless told otherwise. */
  rights: ReadonlySet<string> = new Set(['nodes/metrics', 'nodes/stats']);
  readonly #server: Server;

  /** @param options.isSelfSigned has a certificate that no CA signed, as kubelets without serverTLSBootstrap have */
  constructor(options: {
    readonly nodeName: string;
    readonly token: string;
    readonly pods?: readonly KubeletPod[];
    readonly isSelfSigned?: boolean;
  }) {
    const { nodeName, token, pods = [], isSelfSigned = false } = options;
    this.nodeName = nodeName;
    this.token = token;
    this.pods = [...pods];
    const answer: RequestListener = (request, response) => this.#answer(request, response);
    const cert = readFileSync(join(TLS, isSelfSigned ? 'self-signed.crt' : 'kubelet.crt'));
    this.#server = createServer({ cert, key: readFileSync(join(TLS, 'kubelet.key')) }, answer);
  }

  /** @returns `HOST:PORT` */
  async listen(host = '127.0.0.1', port = 0): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(port, host, resolve);
    });
    return `${host}:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname: path } = new URL(request.url ?? '/', 'https://kubelet');
    const right = rightOf(path);
    const { authorization = '' } = request.headers;
    this.accesses.push({ path, right, authorization });
    if (this.faults.hangs) return;
    if (authorization !== `Bearer ${this.token}`) {
      say(response, 401, 'Unauthorized');
      return;
    }
    if (request.method !== 'GET' || !this.rights.has(right)) {
      const subresource = right.slice('nodes/'.length);
      const asked = `verb=get, resource=nodes, subresource=${subresource}`;
      say(response, 403, `Forbidden (user=system:serviceaccount:test:collector, ${asked})`);
      return;
    }
    const { status, redirectsTo, body } = this.faults;
    if (redirectsTo !== '') {
      response.writeHead(302, { location: redirectsTo }).end();
      return;
    }
    const served = KUBELET_PATHS.get(path);
    if (status !== 200) say(response, status, 'the kubelet is in trouble');
    else if (served === undefined) say(response, 404, '404 page not found');
    else {
      response.writeHead(200, { 'content-type': served.contentType });
      response.end(body === '' ? served.body(this.nodeName, this.pods) : body);
    }
  }
}

/** Which subresource of `nodes` a path is authorized as. */
function rightOf(path: string): string {
  const is = (folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
  if (is('/metrics')) return 'nodes/metrics';
  if (is('/stats')) return 'nodes/stats';
  if (is('/logs')) return 'nodes/log';
  return 'nodes/proxy';
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}
