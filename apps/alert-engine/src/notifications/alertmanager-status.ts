import { ALERTMANAGER_VERSION } from './notification-metrics.ts';

/** What `GET /api/v2/status` tells. */
export class AlertmanagerStatus {
  readonly #startedAtMs: number;
  #shownConfig: string;

  constructor(shownConfig: string, startedAtMs: number) {
    this.#shownConfig = shownConfig;
    this.#startedAtMs = startedAtMs;
  }

  /** @param text the configuration without its secrets */
  configured(text: string): void {
    this.#shownConfig = text;
  }

  toJson(): object {
    return {
      cluster: { peers: [], status: 'disabled' },
      config: { original: this.#shownConfig },
      uptime: new Date(this.#startedAtMs).toISOString(),
      versionInfo: {
        branch: 'binnacle',
        buildDate: '',
        buildUser: '',
        goVersion: '',
        revision: '',
        version: ALERTMANAGER_VERSION,
      },
    };
  }
}
