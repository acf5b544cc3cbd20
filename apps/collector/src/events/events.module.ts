import { Module } from '@nestjs/common';
import { KubernetesModule } from '../kubernetes/kubernetes.module.ts';
import { LogsModule } from '../logs/logs.module.ts';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { EventsRunner } from './events.runner.ts';

/** What happens in the cluster: its events as counters and as records. */
@Module({ imports: [KubernetesModule, OutputsModule, LogsModule], providers: [EventsRunner] })
export class EventsModule {}
