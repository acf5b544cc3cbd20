import type { Notification, TemplatedValue } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import type { DeliveryContext, MessageChart } from '../delivery-context.ts';
import { describeGroup, type GroupDescription } from '../message/describe-group.ts';
import { type MessageData, toMessageData } from '../message/message-data.ts';
import {
  type MessageTemplates as Templates,
  MessageTemplates,
  type TemplateFault,
  type TemplateValue,
} from '../message/message-templates.ts';
import { ownTextOf } from '../message/own-texts.ts';
import type { Revealed } from './revealed.ts';
import type { TokenCache } from './token-cache.ts';

export interface MessageScopeOptions<Settings> {
  readonly notification: Notification;
  readonly settings: Revealed<Settings>;
  readonly defaults: Readonly<Record<string, string>>;
  readonly context: DeliveryContext;
  readonly tokens: TokenCache;
  readonly memory: string | null;
  readonly neutralize: (text: string) => string;
  readonly isHtml: boolean;
}

/** What a receiver composes its requests from. */
export class MessageScope<Settings> {
  readonly settings: Revealed<Settings>;
  readonly notification: Notification;
  /** As it came, nothing made harmless. */
  readonly data: MessageData;
  readonly nowMs: number;
  readonly tokens: TokenCache;
  /** The environment's variables, for keys that are looked for there. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the last message of this group left to be remembered. */
  readonly memory: string | null;
  /** To be shown where the medium can. */
  readonly chart: MessageChart | null;
  readonly faults: TemplateFault[] = [];
  /** Addressees for whom the service did not take the message, while it did for others. */
  readonly refused: string[] = [];
  /** What to remember of the group, also if the conversation fails later on; `undefined` changes nothing. */
  remembered: string | null | undefined = undefined;
  readonly #templates: Templates;
  readonly #defaults: Readonly<Record<string, string>>;
  readonly #neutral: MessageData;
  readonly #value: TemplateValue;
  readonly #isHtml: boolean;
  readonly #hasOwnTexts: boolean;

  constructor(options: MessageScopeOptions<Settings>) {
    const { notification, context } = options;
    this.settings = options.settings;
    this.notification = notification;
    const data = toMessageData(notification, context.externalUrl);
    this.nowMs = context.nowMs();
    this.tokens = options.tokens;
    this.environment = context.environment;
    this.chart = context.chart ?? null;
    this.memory = options.memory;
    this.#templates = context.templates;
    this.#defaults = options.defaults;
    this.#isHtml = options.isHtml;
    this.#hasOwnTexts = context.hasOwnTexts ?? false;
    const neutral = neutralData(data, options.neutralize);
    const routeLabels = context.templates.routeLabels(
      notification.routeLabels,
      neutral,
      this.nowMs,
      this.faults,
    );
    this.data = { ...data, routeLabels };
    this.#neutral = { ...neutral, routeLabels };
    this.#value = MessageTemplates.valueOf(this.#neutral);
  }

  get isFiring(): boolean {
    return this.data.status === 'firing';
  }

  /**
   * The text of a key of the block, its template expanded. Where that fails, the default text of the key, or nothing.
   */
  text(key: keyof Settings & string): string {
    const template = this.settings[key];
    return typeof template === 'string' ? this.expand(template, key) : '';
  }

  /** The text of a key of the block, or the given one where there is none or it fails. */
  textOr(key: keyof Settings & string, builtIn: () => string): string {
    const template = this.settings[key];
    if (typeof template !== 'string') return builtIn();
    const options = { field: key, isHtml: this.#isHtml, nowMs: this.nowMs };
    return this.#templates.expand(template, this.#value, options, this.faults) ?? builtIn();
  }

  /** Expands a template that stands in the block under some name. @param key whose default replaces it after a fault */
  expand(template: string, field: string, key = field): string {
    const name = this.#hasOwnTexts ? this.#templates.untouchedDefault(template) : null;
    const own = name === null ? null : ownTextOf(name);
    if (own !== null) return own(this.describe(), this.#isHtml);
    const options = { field, isHtml: this.#isHtml, nowMs: this.nowMs };
    const text = this.#templates.expand(template, this.#value, options, this.faults);
    if (text !== null) return text;
    const builtIn = this.#defaults[key] ?? '';
    return this.#templates.expandBuiltIn(builtIn, this.#value, options, this.faults);
  }

  /**
   * Expands a template without which nothing can be sent: an address, a key.
   * @throws DeliveryError `misconfigured`
   */
  required(template: string, field: string): string {
    const text = this.#expandPlain(template, field);
    if (text !== null && text.trim() !== '') return text;
    const reason = text === null ? (this.faults.at(-1)?.message ?? '') : 'it is empty';
    throw new DeliveryError('misconfigured', `"${field}" cannot be told: ${reason}`);
  }

  /** As {@link required} for a secret, whose template no message may show. */
  requiredSecret(template: Secret, field: string): Secret {
    const faultCount = this.faults.length;
    const text = this.#expandPlain(template.reveal(), field);
    this.faults.length = faultCount;
    if (text !== null && text.trim() !== '') return new Secret(text);
    throw new DeliveryError('misconfigured', `the template of "${field}" fails or gives nothing`);
  }

  #expandPlain(template: string, field: string): string | null {
    const options = { field, nowMs: this.nowMs };
    return this.#templates.expand(template, this.#value, options, this.faults);
  }

  /**
   * Expands the texts in something to send as JSON. A text that expands to JSON other than a string becomes that value.
   */
  expandValue(value: TemplatedValue, field: string): unknown {
    if (typeof value === 'string') {
      if (!value.includes('{{')) return value;
      return parseStructured(this.expand(value, field));
    }
    if (Array.isArray(value)) {
      return value.map((item: TemplatedValue, i) => this.expandValue(item, `${field}[${i}]`));
    }
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]: [string, TemplatedValue]) => [
        this.expand(name, field),
        this.expandValue(inner, `${field}.${name}`),
      ]),
    );
  }

  /** The notification in words of our own, harmless in this medium. */
  describe(): GroupDescription {
    return describeGroup(this.#neutral, this.nowMs, this.data);
  }
}

function parseStructured(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? text : emptyToNull(value);
  } catch {
    return text;
  }
}

/** What has an empty text inside says null there, as Alertmanager's details do. */
function emptyToNull(value: unknown): unknown {
  if (value === '') return null;
  if (Array.isArray(value)) return value.map(emptyToNull);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => [key, emptyToNull(inner)]),
  );
}

function neutralData(data: MessageData, neutralize: (text: string) => string): MessageData {
  const neutral = (labels: Labels): Labels =>
    Labels.fromRecord(
      Object.fromEntries([...labels].map(([name, value]) => [neutralize(name), neutralize(value)])),
    );
  return {
    ...data,
    groupLabels: neutral(data.groupLabels),
    commonLabels: neutral(data.commonLabels),
    commonAnnotations: neutral(data.commonAnnotations),
    alerts: data.alerts.map((alert) => ({
      ...alert,
      labels: neutral(alert.labels),
      annotations: neutral(alert.annotations),
    })),
  };
}
