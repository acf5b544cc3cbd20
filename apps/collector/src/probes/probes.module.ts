import { Module } from '@nestjs/common';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { KubernetesModule } from '../kubernetes/kubernetes.module.ts';
import { AnnotatedProbes } from './annotated-probes.ts';
import { OwnProber } from './own-prober.ts';
import { PodEvents } from './pod-events.ts';
import { PodProbes } from './pod-probes.ts';
import { ProbesController } from './probes.controller.ts';
import { ProbesRunner } from './probes.runner.ts';

/** Probing: the targets of `probes`, those that the API server's objects ask for, and how they fare. */
@Module({
  imports: [OutputsModule, KubernetesModule],
  controllers: [ProbesController],
  providers: [ProbesRunner, OwnProber, AnnotatedProbes, PodProbes, PodEvents],
  exports: [ProbesRunner, OwnProber, PodProbes],
})
export class ProbesModule {}
