/** What a component adds to the base's collector.yml, which ends with the engine under `outputs.remote_write`. */
const ADDED: ReadonlyMap<string, { readonly says: string; readonly lines: readonly string[] }> =
  new Map([
    [
      'auth',
      {
        says: 'the engine is shown a token',
        lines: ['      authorization:', '        credentials_file: /etc/binnacle-auth/write'],
      },
    ],
    [
      'fluentd',
      {
        says: 'logs go to a Fluentd',
        lines: [
          '  fluentd:',
          '    - name: fluentd',
          '      host: ${FLUENTD_HOST}',
          '      port: 24224',
          '      tag: kubernetes',
          '      shared_key: ${FLUENTD_SHARED_KEY}',
        ],
      },
    ],
    [
      'loki',
      {
        says: 'logs go to a Loki',
        lines: ['  loki:', '    - name: loki', '      url: ${LOKI_URL}/loki/api/v1/push'],
      },
    ],
    [
      'existing-prometheus',
      {
        says: 'samples go to the Prometheus that is there already, too',
        lines: [
          "    # Needs Prometheus's --web.enable-remote-write-receiver.",
          '    - name: existing-prometheus',
          '      url: ${PROMETHEUS_URL}/api/v1/write',
        ],
      },
    ],
  ]);

/** The components that have a collector.yml of their own. */
export const COMPONENTS_WITH_OUTPUTS = [...ADDED.keys()];

/** The base's file with what a component adds: kustomize cannot look into a file of a ConfigMap. */
export function collectorFile(component: string, base: string): string {
  const { says, lines } = ADDED.get(component)!;
  const head = `# Generated from the base's file (npm run manifests -- --write); ${says}.\n`;
  return `${head}${base.trimEnd()}\n${lines.join('\n')}\n`;
}
