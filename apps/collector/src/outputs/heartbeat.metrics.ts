import { Inject, Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';

/** Says at each scrape that this node's collector lives, by its own clock: what is old in the store is not heard of. */
@Injectable()
export class HeartbeatMetrics {
  readonly #heartbeat: Gauge;

  constructor(@Inject(COLLECTOR_CONFIG) { host }: CollectorConfig, registry: Registry) {
    this.#heartbeat = new Gauge({
      name: 'binnacle_collector_heartbeat_timestamp_seconds',
      help: 'When this was read, by the clock of the node.',
      labelNames: ['node'],
      registers: [registry],
      collect: () => this.#heartbeat.set({ node: host.instance }, Date.now() / 1_000),
    });
  }
}
