import { type MiddlewareConsumer, Module, type NestModule, RequestMethod } from '@nestjs/common';
import { LogStore } from '#libs/log-store';
import { IngestCounters, IngestMetrics } from '../../ingest/ingest-metrics.ts';
import { IngestModule } from '../../ingest/ingest.module.ts';
import { LogStoreModule } from '../store/log-store.module.ts';
import { OtlpLogsController } from './otlp-logs.controller.ts';
import { OtlpLogsGate } from './otlp-logs.gate.ts';
import { OtlpLogsReceiver } from './otlp-logs-receiver.ts';
import { PushController } from './push.controller.ts';
import { PushGate } from './push.gate.ts';
import { PushReceiver } from './push-receiver.ts';

const POST = RequestMethod.POST;

/** Where log lines come in; they share the bounds of {@link IngestModule} with samples. */
@Module({
  imports: [IngestModule, LogStoreModule],
  controllers: [PushController, OtlpLogsController],
  providers: [
    {
      provide: PushReceiver,
      inject: [LogStore, IngestCounters],
      useFactory: (store: LogStore, counters: IngestCounters) =>
        new PushReceiver(store, new IngestMetrics(counters, 'loki')),
    },
    {
      provide: OtlpLogsReceiver,
      inject: [LogStore, IngestCounters],
      useFactory: (store: LogStore, counters: IngestCounters) =>
        new OtlpLogsReceiver(store, new IngestMetrics(counters, 'otlp_logs')),
    },
    PushGate,
    OtlpLogsGate,
  ],
})
export class LogIngestModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(PushGate).forRoutes({ path: 'loki/api/v1/push', method: POST });
    consumer
      .apply(OtlpLogsGate)
      .forRoutes({ path: 'v1/logs', method: POST }, { path: 'otlp/v1/logs', method: POST });
  }
}
