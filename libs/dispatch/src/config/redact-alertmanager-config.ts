import { parse, stringify } from 'yaml';

const SHOWN = '<secret>';
/** `amtool` reads the configuration that it is shown, and older ones want an address where one was. */
const SHOWN_URL = `http://${SHOWN}`;

/** Keys whose texts are credentials, or addresses that let whoever has them in. */
const SECRET_KEY = /(?:^|_)(?:password|secrets?|token|token_id|credentials|key|url)$/;
/** Mappings whose values are all secrets, whatever their keys are. */
const SECRET_MAPPING = 'proxy_connect_header';

/**
 * The text of an `alertmanager.yml` for others to see: secrets give way to `<secret>`, as Alertmanager does it, and
 * comments, which may hold anything, are left out. The text must be one that was accepted.
 */
export function redactAlertmanagerConfig(text: string): string {
  // Its warnings would go to the process, and the text has been read once before.
  const value: unknown = parse(text, { merge: true, uniqueKeys: false, logLevel: 'error' });
  return stringify(redact(value, '') ?? {}, { aliasDuplicateObjects: false, lineWidth: 0 });
}

function redact(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => redact(item, key));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]: [string, unknown]) => [
        name,
        redact(inner, key === SECRET_MAPPING ? key : name),
      ]),
    );
  }
  const isEmpty = value === null || value === undefined || value === '';
  if (isEmpty || !(SECRET_KEY.test(key) || key === SECRET_MAPPING)) return value;
  return key.endsWith('url') ? SHOWN_URL : SHOWN;
}
