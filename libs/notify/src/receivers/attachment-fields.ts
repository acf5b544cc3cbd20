import type { MessageScope } from '../http/message-scope.ts';

interface FieldTemplate {
  readonly title: string;
  readonly value: string;
  readonly short: boolean | null;
}

/** The `fields` of an attachment, as Slack and those who speak like it have them. */
export function attachmentFields(
  scope: MessageScope<unknown>,
  fields: readonly FieldTemplate[],
  short: boolean,
): { fields?: readonly object[] } {
  if (fields.length === 0) return {};
  return {
    fields: fields.map((field, i) => ({
      title: scope.expand(field.title, `fields[${i}].title`),
      value: scope.expand(field.value, `fields[${i}].value`),
      short: field.short ?? short,
    })),
  };
}

/** Those members that say something. */
export function filledOnly(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(members).filter(
      ([, value]) => value !== '' && value !== null && value !== undefined && value !== false,
    ),
  );
}
