/**
 * Where to ask, and the header that says who asks: `http://user:password@host` as Basic, `http://:token@host` as Bearer.
 * What `fetch` is given has no credentials in it, and neither has any message.
 */
export function engineAddress(
  engineUrl: string,
  path: string,
): { readonly url: URL; readonly headers: Readonly<Record<string, string>> } {
  const url = new URL(path, engineUrl.endsWith('/') ? engineUrl : `${engineUrl}/`);
  const [user, password] = [url.username, url.password].map(decodeURIComponent);
  // A path does not take these over from where it is relative to.
  url.username = '';
  url.password = '';
  if (user === '' && password === '') return { url, headers: {} };
  const authorization =
    user === ''
      ? `Bearer ${password}`
      : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return { url, headers: { authorization } };
}

/** The engine's URL as people may see it. */
export function shownEngine(engineUrl: string): string {
  const url = new URL(engineUrl);
  if (url.username === '' && url.password === '') return engineUrl;
  url.username = '';
  url.password = '';
  return url.href;
}
