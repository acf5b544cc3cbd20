export {
  ForwardListener,
  type ForwardListenerEvents,
  type ForwardListenerOptions,
  type ForwardListenerSecrets,
} from './forward-listener.ts';
export {
  type ForwardCredentials,
  type ForwardDelivery,
  ForwardSender,
  type ForwardSenderEvents,
  type ForwardSenderOptions,
  type ForwardServerAddress,
} from './forward-sender.ts';
