export type { JobKeys, Refusal } from './fields.ts';
export {
  MONITOR_KINDS,
  type MonitorKind,
  type MonitorObject,
  type TranslatedJob,
  type Translation,
  type TranslationOptions,
} from './translation.ts';
export { TRANSLATION_DEFAULTS, translateMonitor } from './translate-monitor.ts';
export {
  type AlertmanagerParts,
  type SecretFile,
  translateAlertmanagerConfig,
} from './alertmanager-config-object.ts';
