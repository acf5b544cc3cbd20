/** A path below an address, whatever slashes they end and begin with; a query of the address stays behind it. */
export function joinUrl(base: string, path: string): string {
  const at = base.search(/[?#]/);
  const [place, rest] = at < 0 ? [base, ''] : [base.slice(0, at), base.slice(at)];
  return `${place.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}${rest}`;
}
