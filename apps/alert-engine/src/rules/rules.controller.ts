import { Controller, Get, Req, UseFilters } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RulesErrorFilter } from './rules-error.filter.ts';
import { alertsToJson, parseRulesRequest, RuleManager, rulesToJson } from '#libs/rules';

/** Prometheus's HTTP API for rules and their alerts. */
@Controller('api/v1')
@UseFilters(RulesErrorFilter)
export class RulesController {
  readonly #manager: RuleManager;

  constructor(manager: RuleManager) {
    this.#manager = manager;
  }

  @Get('rules')
  rules(@Req() request: FastifyRequest): object {
    const query = (request.raw.url ?? '').split('?')[1] ?? '';
    const asked = parseRulesRequest(new URLSearchParams(query));
    return { status: 'success', data: rulesToJson(this.#manager.groups, asked) };
  }

  @Get('alerts')
  alerts(): object {
    return { status: 'success', data: alertsToJson(this.#manager.groups) };
  }
}
