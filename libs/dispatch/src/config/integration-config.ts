import type { Secret } from '#libs/yaml-config';
import type { IntegrationRef } from '../notification.ts';

/** What all integrations have. */
export interface IntegrationBase {
  readonly ref: IntegrationRef;
  /** Whether ends are announced as well. */
  readonly sendsResolved: boolean;
}

/**
 * An integration that talks HTTP: all of them but e-mail and Fluentd.
 * @typeParam Settings what its block says, by the keys of the file
 */
export interface HttpIntegration<Kind extends string, Settings> extends IntegrationBase {
  readonly kind: Kind;
  readonly settings: Settings;
  /** Templates that stand in for those of the block that fail, by key. */
  readonly defaults: Readonly<Record<string, string>>;
  /** For a whole request; null leaves it to the delivery core. */
  readonly timeoutMs: number | null;
  readonly http: HttpClientConfig;
}

/** A secret written in the file, or in a file of its own that is read again for every use. */
export type SecretSource =
  | { readonly kind: 'inline'; readonly secret: Secret }
  | { readonly kind: 'file'; readonly path: string };

/** A text that need not be a secret. */
export type TextSource = SecretSource | { readonly kind: 'text'; readonly text: string };

/** How a connection is made. */
export interface HttpConnectionConfig {
  readonly tls: TlsConfig;
  readonly proxy: ProxyConfig;
}

/** `http_config`. Redirects are never followed. */
export interface HttpClientConfig extends HttpConnectionConfig {
  readonly authorization:
    | { readonly kind: 'none' }
    | {
        readonly kind: 'basic';
        readonly username: TextSource;
        readonly password: SecretSource | null;
      }
    | { readonly kind: 'header'; readonly scheme: string; readonly credentials: SecretSource }
    | { readonly kind: 'oauth2'; readonly oauth2: OAuth2Config };
  /** `http_headers`: names and their values. */
  readonly headers: readonly (readonly [string, readonly TextSource[]])[];
}

/** `proxy_url` and what belongs to it; `environment` reads `HTTP_PROXY` and the like. */
export type ProxyConfig =
  | { readonly kind: 'none' }
  | { readonly kind: 'environment'; readonly connectHeaders: ConnectHeaders }
  | {
      readonly kind: 'url';
      readonly url: Secret;
      /** Names, addresses and networks that are reached directly, separated by commas. */
      readonly noProxy: string;
      readonly connectHeaders: ConnectHeaders;
    };

/** Headers for the proxy itself: names and their values. */
export type ConnectHeaders = readonly (readonly [string, readonly Secret[]])[];

/** `oauth2`: the client credentials grant (RFC 6749, section 4.4). */
export interface OAuth2Config extends HttpConnectionConfig {
  readonly clientId: string;
  readonly clientSecret: SecretSource | null;
  readonly scopes: readonly string[];
  readonly tokenUrl: string;
  readonly endpointParams: readonly (readonly [string, string])[];
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
