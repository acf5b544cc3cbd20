import type { MessageTemplates, TemplateFault } from './message/message-templates.ts';
import type {
  FluentTransport,
  HttpTransport,
  MailTransport,
  ReceiverMemory,
  SecretReader,
} from './ports.ts';
import type { TokenCache } from './http/token-cache.ts';

/** What a message needs to know besides the notification. */
export interface DeliveryContext {
  /** Where people find us. */
  readonly externalUrl: string;
  readonly userAgent: string;
  readonly templates: MessageTemplates;
  /** Whether our texts take the place of Alertmanager's default templates. Default: no. */
  readonly hasOwnTexts?: boolean;
  /** For one attempt, where the receiver's configuration says nothing. */
  readonly defaultTimeoutMs: number;
  /** Where AWS's keys are looked for if the configuration has none. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly nowMs: () => number;
  /** A picture for media that can show one. Default: none. */
  readonly chart?: MessageChart | null;
}

/** How the values of a message's alerts went lately. */
export interface MessageChart {
  readonly png: Uint8Array;
  /** What it shows, for those who cannot see it. */
  readonly description: string;
}

/** The ways out. */
export interface DeliveryPorts {
  readonly http: HttpTransport;
  readonly mail: MailTransport;
  readonly fluent: FluentTransport;
  readonly secrets: SecretReader;
  readonly memory: ReceiverMemory;
  readonly tokens: TokenCache;
}

export interface DeliveryReport {
  /** Texts of the configuration that failed; the message went out with the built-in ones. */
  readonly templateFaults: readonly TemplateFault[];
  /** Addressees that were refused, while others were not. */
  readonly refusedAddressees: readonly string[];
  /** Why the message went out without its picture; left out where nothing went wrong. */
  readonly chartError?: string;
}
