import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';

/** A record to be served: its type, TTL and data as they go over the wire. */
interface ServedRecord {
  readonly type: number;
  readonly ttl: number;
  readonly data: Buffer;
}

export interface ServedAnswer {
  readonly rcode: number;
  readonly answers?: readonly ServedRecord[];
  readonly authorities?: readonly ServedRecord[];
  readonly additionals?: readonly ServedRecord[];
}

/** A DNS server on one port of UDP and TCP; every record is the question's own name's. */
export class DnsServer {
  readonly #answers: Readonly<Record<string, ServedAnswer>>;
  readonly #udp: UdpSocket = createSocket('udp4');
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();

  /** @param answers by the first label of the name; nothing is said to any other */
  constructor(answers: Readonly<Record<string, ServedAnswer>>) {
    this.#answers = answers;
    this.#udp.on('message', (query, from) => {
      const answer = this.#answer(query);
      // Somebody else's datagram first: a client has to wait for its own.
      const other = Buffer.from(query);
      other.writeUInt16BE((query.readUInt16BE(0) + 1) & 0xffff, 0);
      if (answer === null) return;
      this.#udp.send(other, from.port, from.address);
      this.#udp.send(answer, from.port, from.address);
    });
    this.#tcp = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        const answer = this.#answer(bytes.subarray(2));
        if (answer === null) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        // In two parts, as TCP may.
        socket.write(Buffer.concat([length, answer.subarray(0, 5)]));
        setImmediate(() => socket.write(answer.subarray(5)));
      });
    });
  }

  /** @returns the port */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#tcp.listen(0, '127.0.0.1', resolve);
    });
    const address = this.#tcp.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { port } = address;
    await new Promise<void>((resolve) => {
      this.#udp.bind(port, '127.0.0.1', resolve);
    });
    return port;
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #answer(query: Buffer): Buffer | null {
    const label = query.toString('latin1', 13, 13 + query[12]!);
    const found = this.#answers[label];
    if (found === undefined) return null;
    const { rcode, answers = [], authorities = [], additionals = [] } = found;
    const sections = [answers, authorities, additionals];
    const head = Buffer.from(query);
    head.writeUInt16BE(0x8180 | rcode, 2);
    sections.forEach((records, i) => head.writeUInt16BE(records.length, 6 + i * 2));
    return Buffer.concat([head, ...sections.flat().map(toBytes)]);
  }
}

function toBytes({ type, ttl, data }: ServedRecord): Buffer {
  const head = Buffer.alloc(12);
  // The name of the question.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
