/** Configurations that Alertmanager accepts and that need something this version refuses. The list may only shrink. */
export const ALERTMANAGER_CONFIG_KNOWN_FAILURES: readonly string[] = [];

/**
 * Calls whose answers differ and are meant to: `/api/v1` is Prometheus's API here, and health is told in our words (and with
 * the same status). The list may only shrink.
 */
export const ALERTMANAGER_API_KNOWN_FAILURES: readonly string[] = [
  'api v1 gone',
  'healthy',
  'ready',
];

/** Runs of amtool, by number, that show something else: the configuration as written, without defaults. */
export const AMTOOL_KNOWN_FAILURES: readonly string[] = ['37'];

/**
 * Runs in which amtool 0.25 differs from the recorded 0.33 by itself: its version and help, fields it does not know (5, 38),
 * how it reads a text that is no matcher, and a file with keys that came later (67 to 73; `binnacle routes` reads that file).
 */
export const OLD_AMTOOL_KNOWN_FAILURES: readonly string[] = [
  '0',
  '1',
  '5',
  '13',
  '38',
  '67',
  '68',
  '69',
  '70',
  '71',
  '72',
  '73',
];
