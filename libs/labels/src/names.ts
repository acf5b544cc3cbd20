/**
 * Whether a name needs no quotes in PromQL and the exposition format: `[a-zA-Z_][a-zA-Z0-9_]*`, and colons as well for
 * a metric.
 */
export function isValidLegacyName(name: string, kind: 'metric' | 'label'): boolean {
  if (name === '') return false;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const isLetter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
    const isDigit = code >= 48 && code <= 57;
    if (isLetter || (isDigit && i > 0) || (kind === 'metric' && code === 58)) continue;
    return false;
  }
  return true;
}

/** Whether a string is a name since Prometheus 3: any text that is not empty and is well-formed Unicode. */
export function isValidUtf8Name(name: string): boolean {
  return name !== '' && name.isWellFormed();
}
