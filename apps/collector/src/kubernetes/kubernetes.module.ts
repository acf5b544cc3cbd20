import { Module } from '@nestjs/common';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { KubernetesRunner } from './kubernetes.runner.ts';

/** The cluster's state under kube-state-metrics' names. */
@Module({
  imports: [OutputsModule],
  providers: [KubernetesRunner],
})
export class KubernetesModule {}
