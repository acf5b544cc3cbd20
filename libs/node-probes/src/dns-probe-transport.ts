import { createSocket } from 'node:dgram';
import type { TlsClientConfig } from '#libs/discovery';
import { tlsConnectionOptions } from '#libs/node-http';
import {
  type DnsExchange,
  type DnsExchangeRequest,
  type DnsProbeTransport,
  type ProbedAddress,
  ProbeFailureError,
} from '#libs/probes';
import {
  nowMonotonicMs,
  openSocket,
  openTls,
  type ProbeTransportOptions,
  resolveAddress,
  toProbeFailure,
  untilAborted,
} from './probe-socket.ts';

/** Asks DNS servers over UDP, TCP and TLS. */
export class NodeDnsProbeTransport implements DnsProbeTransport {
  readonly #tls: TlsClientConfig;
  readonly #options: ProbeTransportOptions;

  constructor(tls: TlsClientConfig, options: ProbeTransportOptions) {
    this.#tls = tls;
    this.#options = options;
  }

  async exchange(request: DnsExchangeRequest): Promise<DnsExchange> {
    const phases = { resolve: 0, connect: 0, request: 0 };
    const time = async <T>(phase: keyof typeof phases, run: () => Promise<T>): Promise<T> => {
      const startMs = nowMonotonicMs();
      try {
        return await run();
      } finally {
        phases[phase] = (nowMonotonicMs() - startMs) / 1_000;
      }
    };
    let address: ProbedAddress | null = null;
    try {
      address = await time('resolve', () => resolveAddress(request, request, this.#options.guard));
      const to = address;
      const open = () =>
        request.protocol === 'udp' ? openUdp(to, request) : this.#openTcp(to, request);
      const channel = await time('connect', open);
      try {
        const answer = await time('request', () => channel.ask());
        return { address, phases, answer, failure: null };
      } finally {
        channel.close();
      }
    } catch (error) {
      const { failure } = toProbeFailure(error, 'connect', 'asking', request.signal);
      return { address, phases, answer: null, failure };
    }
  }

  async #openTcp(address: ProbedAddress, request: DnsExchangeRequest): Promise<Channel> {
    const plain = await openSocket(address, request.port, request);
    const socket = request.isTls
      ? await openTls(
          plain,
          request.host,
          await tlsConnectionOptions(this.#tls, this.#options.baseDir),
          request.signal,
        )
      : plain;
    return {
      ask: async () => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(request.query.length);
        const answer = new Promise<Buffer>((resolve, reject) => {
          let received = Buffer.alloc(0);
          socket.on('data', (chunk: Buffer) => {
            received = Buffer.concat([received, chunk]);
            if (received.length < 2) return;
            // A message has a length of its own before it, so no more than 64 KiB are kept.
            const end = 2 + received.readUInt16BE(0);
            if (received.length >= end) resolve(received.subarray(2, end));
          });
          socket.once('error', reject);
          socket.once('close', () => reject(new Error('the server closed the connection')));
          socket.write(Buffer.concat([length, request.query]));
        });
        const bytes = await untilAborted(answer, request.signal);
        if (request.isAnswer(bytes)) return bytes;
        const message = 'the answer is to another question';
        throw new ProbeFailureError({ code: 'protocol', message });
      },
      close: () => socket.destroy(),
    };
  }
}

/** Somewhere a question can be asked. */
interface Channel {
  ask(): Promise<Buffer>;
  close(): void;
}

async function openUdp(address: ProbedAddress, request: DnsExchangeRequest): Promise<Channel> {
  const { signal, sourceIp } = request;
  const socket = createSocket(address.family === 4 ? 'udp4' : 'udp6');
  // Without anybody to hear it, an error would end the process.
  socket.on('error', () => {});
  try {
    const connected = new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ port: 0, ...(sourceIp !== null && { address: sourceIp }) }, () => {
        socket.connect(request.port, address.ip, resolve);
      });
    });
    await untilAborted(connected, signal);
  } catch (error) {
    socket.close();
    throw toProbeFailure(error, 'connect', 'connecting', signal);
  }
  return {
    ask: () => {
      const answer = new Promise<Buffer>((resolve, reject) => {
        socket.on('message', (bytes) => {
          if (request.isAnswer(bytes)) resolve(bytes);
        });
        socket.once('error', reject);
        socket.send(request.query, (error) => {
          if (error !== null) reject(error);
        });
      });
      return untilAborted(answer, signal);
    },
    close: () => socket.close(),
  };
}
