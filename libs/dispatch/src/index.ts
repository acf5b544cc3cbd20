export { type Alert, type AlertSink, type IncomingAlert, isResolved } from './alert.ts';
export {
  type IntegrationRef,
  integrationKey,
  type Notification,
  type NotificationReason,
  type NotifiedAlert,
} from './notification.ts';
