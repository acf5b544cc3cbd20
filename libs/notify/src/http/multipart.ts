/** A part of a form: a text, or a file. */
export interface FormPart {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Default: none, the part is a text. */
  readonly file?: { readonly name: string; readonly type: string };
}

/**
 * A form as `multipart/form-data` (RFC 7578). Names are ours and need no escaping.
 * @param id what the boundary is made of; one that is in no part is found
 */
export function multipartBody(
  parts: readonly FormPart[],
  id: string,
): { readonly headers: readonly (readonly [string, string])[]; readonly body: Uint8Array } {
  const boundary = boundaryOf(id, parts);
  const pieces = parts.flatMap(({ name, content, file }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${
        file === undefined ? '' : `; filename="${file.name}"\r\nContent-Type: ${file.type}`
      }\r\n\r\n`,
    ),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
  return {
    headers: [['Content-Type', `multipart/form-data; boundary=${boundary}`]],
    body: Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

function boundaryOf(id: string, parts: readonly FormPart[]): string {
  const base = `binnacle-${id.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 40)}`;
  const contents = parts.map(({ content }) => Buffer.from(content));
  let boundary = base;
  for (let n = 0; contents.some((content) => content.includes(boundary)); n++) {
    boundary = `${base}-${n}`;
  }
  return boundary;
}
