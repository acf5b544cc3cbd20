import type { Matcher } from '#libs/labels';
import type { IntegrationBase, SecretSource, TlsConfig } from './integration-config.ts';
import type { FluentdIntegration, HttpReceiverIntegration } from './receivers/receiver-blocks.ts';
import type { TimeInterval } from '../time/time-interval.ts';

/** An `alertmanager.yml`, checked, with every default and inheritance resolved. */
export interface AlertmanagerConfig {
  /** Patterns of the files with templates, relative to the configuration. */
  readonly templates: readonly string[];
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
  /** Templates of the labels that messages of this route get, by name; those of the routes above included. */
  readonly labels: ReadonlyMap<string, string>;
  readonly routes: readonly Route[];
}

/** While an alert matching `source` fires, those matching `target` with the same `equal` labels are not announced. */
export interface InhibitRule {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
}

/** A way to reach people. */
export type Integration = HttpReceiverIntegration | FluentdIntegration | EmailIntegration;

/** A named list of ways to reach people; without any it shows alerts in the API only. */
export interface Receiver {
  readonly name: string;
  /** What API queries select receivers by; `name` is always among them. */
  readonly labels: ReadonlyMap<string, string>;
  readonly integrations: readonly Integration[];
}

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
