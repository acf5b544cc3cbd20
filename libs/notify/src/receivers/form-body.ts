import type { ReceiverCall } from '../http/http-receiver.ts';

/** A body of form fields and its header. */
export function formBody(
  fields: Readonly<Record<string, unknown>>,
): Pick<ReceiverCall, 'headers' | 'body'> {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  return {
    headers: [['Content-Type', 'application/x-www-form-urlencoded']],
    body: form.toString(),
  };
}
