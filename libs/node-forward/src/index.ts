export {
  type ForwardCredentials,
  type ForwardDelivery,
  ForwardSender,
  type ForwardSenderEvents,
  type ForwardSenderOptions,
  type ForwardServerAddress,
} from './forward-sender.ts';
