import { type MiddlewareConsumer, Module, type NestModule, RequestMethod } from '@nestjs/common';
import { Registry } from 'prom-client';
import { STORE_WRITER, type StoreWriter } from '../store/store-writer.ts';
import { IngestBudget } from './ingest-budget.ts';
import { IngestCounters, IngestMetrics } from './ingest-metrics.ts';
import { OtlpController } from './otlp.controller.ts';
import { OtlpGate } from './otlp-gate.ts';
import { OtlpReceiver } from './otlp-receiver.ts';
import { RemoteWriteReceiver } from './remote-write-receiver.ts';
import { WriteController } from './write.controller.ts';
import { WriteGate } from './write-gate.ts';

const POST = RequestMethod.POST;

/** Where samples come in. It needs a {@link STORE_WRITER} from whoever imports it. */
@Module({
  controllers: [WriteController, OtlpController],
  providers: [
    {
      provide: IngestCounters,
      inject: [Registry],
      useFactory: (registry: Registry) => new IngestCounters(registry),
    },
    { provide: IngestBudget, useFactory: () => new IngestBudget() },
    {
      provide: RemoteWriteReceiver,
      inject: [STORE_WRITER, IngestCounters],
      useFactory: (store: StoreWriter, counters: IngestCounters) =>
        new RemoteWriteReceiver(store, new IngestMetrics(counters, 'remote_write')),
    },
    {
      provide: OtlpReceiver,
      inject: [STORE_WRITER, IngestCounters],
      useFactory: (store: StoreWriter, counters: IngestCounters) =>
        new OtlpReceiver(store, new IngestMetrics(counters, 'otlp')),
    },
    WriteGate,
    OtlpGate,
  ],
  exports: [IngestBudget, IngestCounters],
})
export class IngestModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(WriteGate).forRoutes({ path: 'api/v1/write', method: POST });
    consumer
      .apply(OtlpGate)
      .forRoutes(
        { path: 'v1/metrics', method: POST },
        { path: 'api/v1/otlp/v1/metrics', method: POST },
      );
  }
}
