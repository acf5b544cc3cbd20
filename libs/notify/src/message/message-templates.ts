import {
  ALERTMANAGER_FUNCTIONS,
  ALERTMANAGER_TEMPLATES,
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

/** Expands the texts of a configuration, with Alertmanager's data, functions and default templates. */
export class MessageTemplates {
  readonly #set: TemplateSet;

  private constructor(set: TemplateSet) {
    this.#set = set;
  }

  /**
   * The default templates and those of the operator's files, which may replace them.
   * @param files name and text of each
   * @throws TemplateParseError
   */
  static create(files: Iterable<readonly [string, string]> = []): MessageTemplates {
    let set = TemplateSet.create({ functions: ALERTMANAGER_FUNCTIONS })
      .with('default', ALERTMANAGER_TEMPLATES)
      .with('email', EMAIL_SUBJECT);
    for (const [name, text] of files) set = set.with(name, text);
    return new MessageTemplates(set);
  }

  /**
   * Expands a text. What goes wrong is the operator's and becomes a fault.
   * @returns null after a fault
   */
  expand(
    text: string,
    data: MessageData,
    options: { readonly field: string; readonly isHtml?: boolean; readonly nowMs: number },
    faults: TemplateFault[],
  ): string | null {
    if (!text.includes('{{')) return text;
    const { field, isHtml = false, nowMs } = options;
    try {
      return this.#set.with('message', text).render('message', {
        data: toNotificationValue({
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
        }),
        nowMs,
        isHtml,
        maxOutputLength: MAX_OUTPUT,
      });
    } catch (error) {
      if (!(error instanceof TemplateExecError || error instanceof TemplateParseError)) throw error;
      faults.push({ field, message: error.message });
      return null;
    }
  }
}
