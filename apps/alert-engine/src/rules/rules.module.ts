import { Module } from '@nestjs/common';
import { LogQueryModule } from '../logs/query/log-query.module.ts';
import { NotificationsModule } from '../notifications/notifications.module.ts';
import { QueryModule } from '../query/query.module.ts';
import { RuleObjectsController } from './objects/rule-objects.controller.ts';
import { ruleProviders } from './rule-providers.ts';
import { RulesController } from './rules.controller.ts';

/** Rules: read from files, evaluated over the store, shown in the API; their alerts go to the notifications. */
@Module({
  imports: [QueryModule, LogQueryModule, NotificationsModule],
  controllers: [RulesController, RuleObjectsController],
  providers: ruleProviders,
})
export class RulesModule {}
