import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** Bodies that follow one another; enough that two scrapes of a target are never the same. */
const VERSIONS = 32;

/** Exporters on loopback, each on a port of its own, that answer as client libraries do: gzip where it is accepted. */
export class TargetFleet {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
  readonly #servers: readonly Server[];

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
    this.ports = servers.map((server) => (server.address() as AddressInfo).port);
    this.addresses = this.ports.map((port) => `127.0.0.1:${port}`);
  }

  static async start(count: number, seriesOfEach: number): Promise<TargetFleet> {
    const bodies = Array.from({ length: VERSIONS }, (_, version) =>
      Buffer.from(bodyOf(seriesOfEach, version)),
    );
    const packed = bodies.map((body) => gzipSync(body));
    const servers: Server[] = [];
    for (let i = 0; i < count; i++) {
      let visits = i;
      const server = createServer((request, response) => {
        const version = visits++ % VERSIONS;
        const isPacked = (request.headers['accept-encoding'] ?? '').includes('gzip');
        response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
        if (isPacked) response.setHeader('Content-Encoding', 'gzip');
        response.end((isPacked ? packed : bodies)[version]);
      });
      // Two scrapers that come every fifteen seconds keep their connections.
      server.keepAliveTimeout = 120_000;
      servers.push(server);
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
    }
    return new TargetFleet(servers);
  }

  close(): void {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

const BOUNDS = [
  '0.005',
  '0.01',
  '0.025',
  '0.05',
  '0.1',
  '0.25',
  '0.5',
  '1',
  '2.5',
  '5',
  '10',
  '+Inf',
];
const OF_A_HISTOGRAM = BOUNDS.length + 2;
const OF_A_COUNTER = 10;

/** What a service exposes: histograms of requests for half of it, counters and gauges for the rest. */
function bodyOf(series: number, version: number): string {
  const lines: string[] = [];
  const histograms = Math.floor(series / 2 / OF_A_HISTOGRAM);
  for (let i = 0; i < histograms; i++) {
    const of = `method="GET",handler="/api/v1/items/${i}",code="200"`;
    const family = `http_request_duration_seconds`;
    if (i === 0)
      lines.push(`# HELP ${family} Time that requests took.`, `# TYPE ${family} histogram`);
    const count = version * 37 + i * 1_013;
    BOUNDS.forEach((bound, at) => {
      const below = Math.round((count * (at + 1)) / BOUNDS.length);
      lines.push(`${family}_bucket{${of},le="${bound}"} ${below}`);
    });
    lines.push(`${family}_sum{${of}} ${(count * 0.2371).toFixed(6)}`);
    lines.push(`${family}_count{${of}} ${count}`);
  }
  const rest = series - histograms * OF_A_HISTOGRAM;
  for (let i = 0; i < rest; i++) {
    const name = `app_thing_${Math.floor(i / OF_A_COUNTER)}_${i % 20 < 10 ? 'bytes_total' : 'size'}`;
    const type = i % 20 < 10 ? 'counter' : 'gauge';
    if (i % OF_A_COUNTER === 0) lines.push(`# HELP ${name} A thing.`, `# TYPE ${name} ${type}`);
    const value = type === 'counter' ? i * 100_003 + version * 4_099 : Math.sin(i + version) * 100;
    lines.push(`${name}{queue="queue-${i % OF_A_COUNTER}",shard="${i % 7}"} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}
