import { HostFileError, type HostSource, HostTextError } from './host-source.ts';

/** A number as the kernel prints it: decimal digits, at times a sign or a fraction. @throws HostTextError */
export function parseNumber(text: string | undefined, path: string): number {
  if (text === undefined || !/^-?\d+(\.\d+)?$/.test(text)) {
    throw new HostTextError(path, `expected a number, found ${excerpt(text)}`);
  }
  return Number(text);
}

/** A hexadecimal number without prefix. @throws HostTextError */
export function parseHex(text: string | undefined, path: string): number {
  if (text === undefined || !/^[0-9a-fA-F]{1,16}$/.test(text)) {
    throw new HostTextError(path, `expected a hexadecimal number, found ${excerpt(text)}`);
  }
  return Number.parseInt(text, 16);
}

/** An integer with Go's base prefixes as sysfs prints them: `0x1003`, `1500`, `-1`; null for anything else. */
export function parsePrefixedInteger(text: string): number | null {
  if (/^0x[0-9a-fA-F]{1,16}$/.test(text)) return Number.parseInt(text.slice(2), 16);
  return /^-?\d{1,20}$/.test(text) ? Number(text) : null;
}

/** Blank-separated words of a line. */
export function fieldsOf(line: string): string[] {
  const trimmed = line.trim();
  return trimmed === '' ? [] : trimmed.split(/[ \t]+/);
}

/** Lines without the empty ones. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** The text of a file, or null where the machine has none. Other failures are thrown. @throws HostFileError */
export function readIfPresent(source: HostSource, path: string): string | null {
  try {
    return source.readText(path);
  } catch (error) {
    if (error instanceof HostFileError && error.code === 'missing') return null;
    throw error;
  }
}

/** The trimmed text of an attribute file, or null where it can't be read for any reason, as node_exporter treats them. */
export function readAttribute(source: HostSource, path: string): string | null {
  try {
    return source.readText(path).trim();
  } catch (error) {
    if (error instanceof HostFileError) return null;
    throw error;
  }
}

/** What goes into a message of a text that may be long or binary. */
export function excerpt(text: string | undefined): string {
  return text === undefined ? 'nothing' : JSON.stringify(text.slice(0, 40));
}
