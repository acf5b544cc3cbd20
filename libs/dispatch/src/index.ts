export { type Alert, type AlertSink, type IncomingAlert, isResolved } from './alert.ts';
export { type AlertGroup } from './alert-group.ts';
export { compareAlertLabels, compareLabelSets } from './alert-order.ts';
export {
  type AlertmanagerConfig,
  type EmailIntegration,
  type InhibitRule,
  type Integration,
  type Receiver,
  type Route,
} from './config/alertmanager-config.ts';
export {
  type ConnectHeaders,
  type HttpClientConfig,
  type HttpConnectionConfig,
  type HttpIntegration,
  type OAuth2Config,
  type ProxyConfig,
  type SecretSource,
  type TextSource,
  type TlsConfig,
  type TlsVersion,
} from './config/integration-config.ts';
export {
  type FluentdIntegration,
  type HttpReceiverIntegration,
  RECEIVER_BLOCKS,
} from './config/receivers/receiver-blocks.ts';
export { type TemplatedValue } from './config/receivers/templated-value.ts';
export { parseAlertmanagerConfig } from './config/parse-alertmanager-config.ts';
export { redactAlertmanagerConfig } from './config/redact-alertmanager-config.ts';
export {
  type AlertStatus,
  type Decision,
  DEFAULT_DISPATCHER_OPTIONS,
  type DispatchDrops,
  type DispatcherOptions,
  type SuppressionCounts,
} from './decision.ts';
export { Dispatcher } from './dispatcher.ts';
export { type Explanation } from './explain-alert.ts';
export { MatcherTextError } from './matchers/matcher-text-error.ts';
export { parseClassicMatchers } from './matchers/parse-classic-matchers.ts';
export { formatMatcher, formatMatchers, parseMatchers } from './matchers/parse-matchers.ts';
export { parseUtf8Matchers } from './matchers/parse-utf8-matchers.ts';
export {
  type IntegrationRef,
  integrationKey,
  type Notification,
  type NotificationReason,
  type NotifiedAlert,
} from './notification.ts';
export {
  decodeDispatchRecord,
  type DispatchRecord,
  encodeDispatchRecord,
  type Intent,
  type KeyedChange,
  type NotificationLog,
  type NotificationOutcome,
  type NotificationTarget,
  readDispatchRecords,
} from './notification-log.ts';
export { formatLabelSet, matchingRoutes } from './route-tree.ts';
export { DEFAULT_SEVERITY_ORDER, type SeverityOrderOptions } from './severity-order.ts';
export {
  compareSilences,
  type PostedSilence,
  type Silence,
  type SilenceChange,
  SilenceError,
  silenceFits,
  type SilenceState,
  silenceState,
} from './silences/silence.ts';
export {
  DEFAULT_SILENCE_LIMITS,
  SilenceBook,
  type SilenceLimits,
  type SilencePlan,
} from './silences/silence-book.ts';
export { decodeSilence, encodeSilence } from './silences/silence-codec.ts';
export {
  type KnownAlerts,
  SILENCE_NOTICE_ALERT,
  SilenceKeeper,
  type SilenceUpkeep,
} from './silences/silence-keeper.ts';
export { SILENCE_TERMS } from './silences/silence-terms.ts';
export { containsInstant, type NumberRange, type TimeInterval } from './time/time-interval.ts';
export { toNotified } from './to-notification.ts';
