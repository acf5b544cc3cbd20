import { type DynamicModule, Global, Module } from '@nestjs/common';
import { ACCESS_OPTIONS, AccessGate, type AccessOptions } from './access.gate.ts';
import { TlsReloader } from './tls.reloader.ts';

/** Who may do what over HTTP, and the certificates that the server shows. */
@Global()
@Module({})
export class AccessModule {
  static forApp(options: AccessOptions): DynamicModule {
    return {
      module: AccessModule,
      providers: [{ provide: ACCESS_OPTIONS, useValue: options }, AccessGate, TlsReloader],
      exports: [AccessGate],
    };
  }
}
