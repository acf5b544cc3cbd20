import { type MiddlewareConsumer, Module, type NestModule, RequestMethod } from '@nestjs/common';
import { Registry } from 'prom-client';
import { ExemplarRing, MetadataCatalogue } from '#libs/tsdb';
import { STORE_WRITER, type StoreWriter } from '../store/store-writer.ts';
import { IngestMetrics } from './ingest-metrics.ts';
import { RemoteWriteReceiver } from './remote-write-receiver.ts';
import { WriteController } from './write.controller.ts';
import { WriteGate } from './write-gate.ts';

/** Where samples come in. It needs a {@link STORE_WRITER} from whoever imports it. */
@Module({
  controllers: [WriteController],
  providers: [
    {
      provide: IngestMetrics,
      inject: [Registry],
      useFactory: (registry: Registry) => new IngestMetrics(registry),
    },
    {
      provide: RemoteWriteReceiver,
      inject: [STORE_WRITER, ExemplarRing, MetadataCatalogue, IngestMetrics],
      useFactory: (
        store: StoreWriter,
        exemplars: ExemplarRing,
        metadata: MetadataCatalogue,
        metrics: IngestMetrics,
      ) => new RemoteWriteReceiver(store, exemplars, metadata, metrics),
    },
    WriteGate,
  ],
})
export class IngestModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(WriteGate).forRoutes({ path: 'api/v1/write', method: RequestMethod.POST });
  }
}
