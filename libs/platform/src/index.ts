export { accessSchema, checkAccess, withTokenFolder } from './access/access-config.ts';
export { AccessGate } from './access/access.gate.ts';
export { AccessModule } from './access/access.module.ts';
export type { AccessRight } from './access/access-rights.ts';
export { readTlsAtStart, serverTlsSchema } from './access/server-tls.ts';
export { AppConfigModule, type AppConfigOptions } from './app-config.module.ts';
export {
  AppLogger,
  type AppLoggerOptions,
  describeError,
  type LogFields,
  type LogLevel,
} from './app-logger.ts';
export {
  configFolder,
  type NamedConfigFiles,
  readConfigFiles,
  readTextFile,
} from './config-file.ts';
export { DataDirectory } from './data-directory.ts';
export { DataDirectoryModule } from './data-directory.module.ts';
export { type HealthCheck, HealthState } from './health-state.ts';
export { createHttpApp, type HttpLimits, listen } from './http-app.ts';
export { PlainError } from './plain-error.ts';
export { PlatformModule } from './platform.module.ts';
export { type Reloadable, ReloadService, type ReloadServiceOptions } from './reload-service.ts';
export { type ListenAddress, RUN_OPTIONS, type RunOptions } from './run-options.ts';
export { runService, type ServiceOptions } from './run-service.ts';
export { StopRequests } from './stop-requests.ts';
export { withSpan } from './tracing.ts';
export { USER_AGENT, VERSION } from './version.ts';
