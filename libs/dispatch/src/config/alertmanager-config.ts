import type { Matcher } from '#libs/labels';
import type { Secret } from '#libs/yaml-config';
import type { IntegrationRef } from '../notification.ts';
import type { TimeInterval } from '../time/time-interval.ts';

/** An `alertmanager.yml`, checked, with every default and inheritance resolved. */
export interface AlertmanagerConfig {
  /** How long an alert without an end is believed in after it was last heard of. */
  readonly resolveTimeoutMs: number;
  /** The root of the routing tree; it has no matchers. */
  readonly route: Route;
  readonly receivers: readonly Receiver[];
  readonly inhibitRules: readonly InhibitRule[];
  /** By name; several intervals under one name mean any of them. */
  readonly timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>;
}

/** A node of the routing tree. */
export interface Route {
  /** Alertmanager's key: the matchers from the root down to here, `{}/{severity="x"}`. */
  readonly key: string;
  readonly receiver: string;
  readonly matchers: readonly Matcher[];
  /** Label names in order; null means by all labels (`...`). */
  readonly groupBy: readonly string[] | null;
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  /** Whether an alert that matched here is offered to the siblings that follow. */
  readonly continues: boolean;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  readonly routes: readonly Route[];
}

/** While an alert matching `source` fires, those matching `target` with the same `equal` labels are not announced. */
export interface InhibitRule {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
}

/** A named list of ways to reach people; without any it shows alerts in the API only. */
export interface Receiver {
  readonly name: string;
  /** What API queries select receivers by; `name` is always among them. */
  readonly labels: ReadonlyMap<string, string>;
  readonly integrations: readonly Integration[];
}

export type Integration = WebhookIntegration | EmailIntegration;

interface IntegrationBase {
  readonly ref: IntegrationRef;
  /** Whether ends are announced as well. */
  readonly sendsResolved: boolean;
}

/** A secret written in the file, or in a file of its own that is read again for every use. */
export type SecretSource =
  | { readonly kind: 'inline'; readonly secret: Secret }
  | { readonly kind: 'file'; readonly path: string };

/** `webhook_configs[]` */
export interface WebhookIntegration extends IntegrationBase {
  readonly kind: 'webhook';
  readonly url: SecretSource;
  /** At most so many alerts in a message, the rest counted; 0 means all. */
  readonly maxAlerts: number;
  /** For the whole request; null leaves it to the delivery core. */
  readonly timeoutMs: number | null;
  readonly http: HttpClientConfig;
}

/** `http_config`, as far as it is supported. Redirects are never followed. */
export interface HttpClientConfig {
  readonly authorization:
    | { readonly kind: 'none' }
    | { readonly kind: 'basic'; readonly username: string; readonly password: SecretSource | null }
    | { readonly kind: 'header'; readonly scheme: string; readonly credentials: SecretSource };
  readonly tls: TlsConfig;
}

/** `tls_config` */
export interface TlsConfig {
  /** PEM text of the authorities to trust instead of the system's. */
  readonly ca: string | null;
  readonly caFile: string | null;
  readonly cert: string | null;
  readonly certFile: string | null;
  readonly key: SecretSource | null;
  readonly serverName: string | null;
  readonly skipsVerification: boolean;
  readonly minVersion: TlsVersion | null;
  readonly maxVersion: TlsVersion | null;
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** `email_configs[]`, with `global.smtp_*` filled in. */
export interface EmailIntegration extends IntegrationBase {
  readonly kind: 'email';
  /** Addresses separated by commas; may be a template. */
  readonly to: string;
  readonly from: string;
  readonly smarthost: { readonly host: string; readonly port: number };
  /** The name we greet the server with. */
  readonly hello: string;
  readonly auth:
    | { readonly kind: 'none' }
    | { readonly kind: 'password'; readonly username: string; readonly password: SecretSource }
    | { readonly kind: 'cram-md5'; readonly username: string; readonly secret: SecretSource };
  /** Whether to refuse to talk to a server that does not offer TLS. */
  readonly requiresTls: boolean;
  /** Whether the connection starts with TLS instead of asking for it; null decides by the port (465 does). */
  readonly usesImplicitTls: boolean | null;
  readonly tls: TlsConfig;
  /** Further headers, or other texts for the usual ones; values may be templates. Names as written. */
  readonly headers: ReadonlyMap<string, string>;
  /** Template of the HTML part; null takes the built-in one, an empty text leaves the part out. */
  readonly html: string | null;
  /** Template of the plain text; null takes the built-in one, an empty text leaves the part out. */
  readonly text: string | null;
  /** Whether messages of one group hang together, by day or altogether. */
  readonly threading: 'none' | 'group' | 'group-and-day';
}
