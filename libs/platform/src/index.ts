export { AppConfigModule, type AppConfigOptions } from './app-config.module.ts';
export {
  AppLogger,
  type AppLoggerOptions,
  describeError,
  type LogFields,
  type LogLevel,
} from './app-logger.ts';
export { type NamedConfigFiles, readConfigFiles, readTextFile } from './config-file.ts';
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
