import {
  ALERTMANAGER_FUNCTIONS,
  ALERTMANAGER_TEMPLATES,
  GoFunctionError,
  type GoValue,
  TemplateExecError,
  TemplateParseError,
  TemplateSet,
  toNotificationValue,
} from '#libs/go-template';
import type { MessageData } from './message-data.ts';

/** A template of an operator that failed; what stands in its place is the built-in text. */
export interface TemplateFault {
  /** Which text: `html`, `text`, `header Subject`. */
  readonly field: string;
  readonly message: string;
}

/** The subject that configurations of Alertmanager name. */
const EMAIL_SUBJECT = '{{ define "email.default.subject" }}{{ template "__subject" . }}{{ end }}';

/** A text that is too long for a template to give. */
const MAX_OUTPUT = 1024 * 1024;

/** Texts of a configuration are few; this many are kept parsed. */
const MAX_PARSED = 1_000;

/** How many labels of a route may stand in one another. */
const MAX_LABEL_DEPTH = 20;

/** A notification as templates see it; made once for all texts of a message. */
export interface TemplateValue {
  readonly value: GoValue;
  /** What the function `routeLabels` gives. */
  readonly routeLabel: (name: string) => string;
}

export interface ExpandOptions {
  readonly field: string;
  /** Whether to escape for HTML as html/template does. */
  readonly isHtml?: boolean;
  readonly nowMs: number;
}

/** Expands the texts of a configuration, with Alertmanager's data, functions and default templates. */
export class MessageTemplates {
  readonly #set: TemplateSet;
  /** Without the files of the operator. */
  readonly #builtIn: TemplateSet;
  readonly #parsed = new Map<string, TemplateSet>();
  /** The names that the operator's files define. */
  readonly #written: ReadonlySet<string>;

  private constructor(set: TemplateSet, builtIn: TemplateSet, written: ReadonlySet<string>) {
    this.#set = set;
    this.#builtIn = builtIn;
    this.#written = written;
  }

  /**
   * The default templates and those of the operator's files, which may replace them.
   * @param files name and text of each
   * @throws TemplateParseError
   */
  static create(files: Iterable<readonly [string, string]> = []): MessageTemplates {
    const builtIn = TemplateSet.create({ functions: ALERTMANAGER_FUNCTIONS })
      .with('default', ALERTMANAGER_TEMPLATES)
      .with('email', EMAIL_SUBJECT);
    let set = builtIn;
    let written = TemplateSet.create({ functions: ALERTMANAGER_FUNCTIONS });
    for (const [name, text] of files) {
      set = set.with(name, text);
      written = written.with(name, text);
    }
    return new MessageTemplates(set, builtIn, new Set(written.names));
  }

  /**
   * The default template that a text does nothing but call; null where it does something else, or where a file of the
   * operator replaces it or one of the helpers it is made of.
   */
  untouchedDefault(text: string): string | null {
    const name = /^{{ template "([a-z0-9]+\.default\.[a-z_]+)" \. }}$/i.exec(text)?.[1];
    if (name === undefined || this.#written.has(name)) return null;
    return [...this.#written].some((each) => each.startsWith('__')) ? null : name;
  }

  /** A notification as templates see it. */
  static valueOf(data: MessageData): TemplateValue {
    const { routeLabels = null } = data;
    const value = toNotificationValue({
      receiver: data.receiver,
      status: data.status,
      alerts: data.alerts.map((alert) => ({
        ...alert,
        labels: alert.labels.toRecord(),
        annotations: alert.annotations.toRecord(),
      })),
      notificationReason: data.reason,
      groupLabels: data.groupLabels.toRecord(),
      commonLabels: data.commonLabels.toRecord(),
      commonAnnotations: data.commonAnnotations.toRecord(),
      externalUrl: data.externalUrl,
      routeLabels: routeLabels === null ? null : Object.fromEntries(routeLabels),
    });
    return { value, routeLabel: (name) => routeLabels?.get(name) ?? '' };
  }

  /**
   * The labels of a route as texts. Each may name the others; one that fails is empty and a fault.
   * @param labels their templates
   * @returns null where there are none
   */
  routeLabels(
    labels: ReadonlyMap<string, string> | undefined,
    data: MessageData,
    nowMs: number,
    faults: TemplateFault[],
  ): ReadonlyMap<string, string> | null {
    if (labels === undefined || labels.size === 0) return null;
    const { value } = MessageTemplates.valueOf(data);
    const texts = new Map<string, string>();
    const open = new Set<string>();
    const routeLabel = (name: string): string => {
      const known = texts.get(name);
      if (known !== undefined) return known;
      if (open.has(name)) throw new GoFunctionError(`the label ${name} is made of itself`);
      if (open.size >= MAX_LABEL_DEPTH) throw new GoFunctionError('labels name too many others');
      open.add(name);
      const options = { field: `label ${name} of the route`, nowMs };
      const text = this.expand(labels.get(name) ?? '', { value, routeLabel }, options, faults);
      open.delete(name);
      texts.set(name, text ?? '');
      return text ?? '';
    };
    return new Map([...labels.keys()].map((name) => [name, routeLabel(name)]));
  }

  /**
   * Expands a text. What goes wrong is the operator's and becomes a fault.
   * @returns null after a fault
   */
  expand(
    text: string,
    data: TemplateValue,
    options: ExpandOptions,
    faults: TemplateFault[],
  ): string | null {
    if (!text.includes('{{')) return text;
    return attempt(() => render(this.#parse(text), data, options), options.field, faults);
  }

  /**
   * Expands a default text, untouched by the operator's files. One that fails, as over data that is too large, is empty and
   * a fault.
   */
  expandBuiltIn(
    text: string,
    data: TemplateValue,
    options: ExpandOptions,
    faults: TemplateFault[],
  ): string {
    if (!text.includes('{{')) return text;
    const expand = (): string => render(this.#builtIn.with('message', text), data, options);
    return attempt(expand, options.field, faults) ?? '';
  }

  #parse(text: string): TemplateSet {
    let set = this.#parsed.get(text);
    if (set === undefined) {
      if (this.#parsed.size >= MAX_PARSED) this.#parsed.clear();
      set = this.#set.with('message', text);
      this.#parsed.set(text, set);
    }
    return set;
  }
}

function render(
  set: TemplateSet,
  { value, routeLabel }: TemplateValue,
  options: ExpandOptions,
): string {
  const { isHtml = false, nowMs } = options;
  return set.render('message', {
    data: value,
    routeLabel,
    nowMs,
    isHtml,
    maxOutputLength: MAX_OUTPUT,
  });
}

/** @returns null after a fault of a template, which is noted */
function attempt(expand: () => string, field: string, faults: TemplateFault[]): string | null {
  try {
    return expand();
  } catch (error) {
    if (!(error instanceof TemplateExecError || error instanceof TemplateParseError)) throw error;
    faults.push({ field, message: error.message });
    return null;
  }
}
