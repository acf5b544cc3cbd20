/** The engine's `AlertSink` (`#libs/dispatch`): takes alerts from rules and from the API. */
export const ALERT_SINK = Symbol('AlertSink');
