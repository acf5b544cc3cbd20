import { Module } from '@nestjs/common';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { KubeHubs } from './kube-hubs.ts';
import { KubernetesRunner } from './kubernetes.runner.ts';
import { Leadership } from './leadership.ts';

/** The API server's objects, and the cluster's state under kube-state-metrics' names. */
@Module({
  imports: [OutputsModule],
  providers: [KubeHubs, Leadership, KubernetesRunner],
  exports: [KubeHubs, Leadership],
})
export class KubernetesModule {}
