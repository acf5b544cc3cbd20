/** Configurations that Alertmanager accepts and that need something this version refuses. The list may only shrink. */
export const ALERTMANAGER_CONFIG_KNOWN_FAILURES: readonly string[] = [
  // Labels of routes.
  'examples/route_labels.yml',
];

/**
 * Calls whose answers differ and are meant to: `/api/v1` is Prometheus's API here, and health is told in our words (and with
 * the same status). The list may only shrink.
 */
export const ALERTMANAGER_API_KNOWN_FAILURES: readonly string[] = [
  'api v1 gone',
  'healthy',
  'ready',
];
