/** The evaluations of Prometheus's test scripts that do not pass yet, by file and line. The lists can only shrink. */
export const PROMQL_SCRIPTS_KNOWN_FAILURES: Readonly<Record<string, readonly string[]>> = {};
