export {
  type FluentEvent,
  type FluentServer,
  FluentSession,
  type FluentSessionEvents,
} from './fluent-session.ts';
