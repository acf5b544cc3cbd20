import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { HealthState } from './health-state.ts';

/** Liveness and readiness, under Kubernetes' names and under Prometheus's. */
@Controller()
export class HealthController {
  readonly #health: HealthState;

  constructor(health: HealthState) {
    this.#health = health;
  }

  @Get(['livez', '-/healthy'])
  live(@Res() reply: FastifyReply): void {
    void reply.type('text/plain; charset=utf-8').send('ok\n');
  }

  @Get(['readyz', '-/ready'])
  ready(@Res() reply: FastifyReply): void {
    const { isReady, checks } = this.#health;
    const lines = checks.map(
      (check) =>
        `${check.isReady ? '[+]' : '[-]'} ${check.name}${check.detail === '' ? '' : `: ${check.detail}`}`,
    );
    lines.push(isReady ? 'ready' : 'not ready');
    void reply
      .code(isReady ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(`${lines.join('\n')}\n`);
  }
}
