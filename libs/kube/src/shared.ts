import { type Decode, text } from './decode.ts';

/** Different texts and values that are remembered at a time; what comes after them begins anew. */
const MAX_WORDS = 50_000;
const MAX_WORD_LENGTH = 512;
const MAX_KEY_CHARS = 1024 * 1024;
const MAX_KEY_LENGTH = 16 * 1024;

const words = new Map<string, string>();

/**
 * A text that many objects have alike, such as a reason, an image or a node's name: equal ones are one in memory. Fifty
 * thousand pods say `ContainersReady` fifty thousand times.
 */
export const word: Decode<string> = (value) => {
  const read = text(value);
  if (read === '' || read.length > MAX_WORD_LENGTH) return read;
  const known = words.get(read);
  if (known !== undefined) return known;
  if (words.size >= MAX_WORDS) words.clear();
  words.set(read, read);
  return read;
};

/**
 * A part of an object that others have alike, such as the containers of a workload's replicas: those that are written alike
 * become one value. Lists come in the order of names, so replicas stand side by side and little has to be remembered.
 */
export function shared<T>(decode: Decode<T>): Decode<T> {
  const known = new Map<string, T>();
  let chars = 0;
  let missing: T | undefined;
  return (value) => {
    if (value === undefined || value === null) return (missing ??= decode(value));
    const key = JSON.stringify(value);
    const found = known.get(key);
    if (found !== undefined) return found;
    const decoded = decode(value);
    if (key.length > MAX_KEY_LENGTH) return decoded;
    chars += key.length;
    if (chars > MAX_KEY_CHARS) {
      known.clear();
      chars = key.length;
    }
    known.set(key, decoded);
    return decoded;
  };
}
