import { Module } from '@nestjs/common';
import { KubernetesModule } from '../kubernetes/kubernetes.module.ts';
import { TargetProviders } from './target-providers.ts';

/** Targets that are not written down: from files, HTTP servers and Kubernetes. */
@Module({
  imports: [KubernetesModule],
  providers: [TargetProviders],
  exports: [TargetProviders],
})
export class DiscoveryModule {}
