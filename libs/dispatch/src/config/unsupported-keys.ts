import { type ConfigProblem, ConfigTextError } from '#libs/yaml-config';

/** Keys that Alertmanager knows and this version cannot honour yet, by where they stand. */
const UNSUPPORTED: readonly (readonly [RegExp, RegExp])[] = [
  [/^$/, /^(event_recorder|global_mute)$/],
  [/^receivers\[\d+\]\.webhook_configs\[\d+\]$/, /^update_message$/],
  [
    /http_config(\.oauth2)?(\.(authorization|basic_auth))?$/,
    /(_ref|_certificate_key.*|^claims|^grant_type|^iss|^audience|^signature_algorithm)$/,
  ],
  [/^receivers\[\d+\]\.email_configs\[\d+\]$/, /^auth_identity$/],
  [/^global$/, /^smtp_auth_identity$/],
  [/tls_config$/, /_ref$/],
  [/^inhibit_rules\[\d+\]$/, /^sources$/],
];

/**
 * Says of keys that Alertmanager knows that they are not supported yet, instead of that they are unknown.
 * @returns a new error with its problems in the order of the file
 */
export function explainUnsupportedKeys(error: ConfigTextError): ConfigTextError {
  const problems = error.problems.map(explain).toSorted((a, b) => a.line - b.line);
  return new ConfigTextError(error.file, problems);
}

function explain(problem: ConfigProblem): ConfigProblem {
  if (!problem.message.startsWith('unknown key')) return problem;
  const split = problem.path.lastIndexOf('.');
  const parent = problem.path.slice(0, Math.max(split, 0));
  const key = problem.path.slice(split + 1);
  const isKnown = UNSUPPORTED.some(([where, what]) => where.test(parent) && what.test(key));
  if (!isKnown) return problem;
  const accepted = problem.message.indexOf('; accepted are');
  const hint = accepted < 0 ? '' : problem.message.slice(accepted);
  return {
    ...problem,
    message: `${JSON.stringify(key)} is a key of Alertmanager that is not supported here yet${hint}`,
  };
}
