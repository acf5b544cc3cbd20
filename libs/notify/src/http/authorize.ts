import type { HttpClientConfig, OAuth2Config, TextSource } from '#libs/dispatch';
import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { judgeHttpAnswer } from '../delivery/http-verdict.ts';
import type { DeliveryContext, DeliveryPorts } from '../delivery-context.ts';
import { basicCredentials } from './basic-credentials.ts';
import { readJsonObject } from './json-answer.ts';

type Headers = readonly (readonly [string, string | Secret])[];

/** What an `http_config` adds to each request. */
export interface Authorization {
  readonly headers: Headers;
  /** Forgets a token that was lent, after it was refused. */
  readonly forget: () => void;
}

/** Tokens whose life is not told are asked for again after this time. */
const DEFAULT_LIFE_S = 300;
/** A token is not used any more so long before its end. */
const MARGIN_MS = 30_000;

/**
 * The headers of an `http_config`.
 * @param known is given the secrets that go into them or into getting a token, so that no message repeats them
 * @throws DeliveryError where a file or a token cannot be got
 */
export async function authorize(
  http: HttpClientConfig,
  context: DeliveryContext,
  ports: DeliveryPorts,
  timeoutMs: number,
  known: Secret[],
): Promise<Authorization> {
  const read = async (source: TextSource): Promise<string> => {
    if (source.kind === 'text') return source.text;
    const secret = await ports.secrets.read(source);
    known.push(secret);
    return secret.reveal();
  };
  const headers: (readonly [string, string | Secret])[] = [];
  for (const [name, values] of http.headers) {
    const texts = await Promise.all(values.map(read));
    if (texts.length > 0) headers.push([name, new Secret(texts.join(', '))]);
  }
  const { authorization } = http;
  let tokenKey: string | null = null;
  switch (authorization.kind) {
    case 'none':
      break;
    case 'basic': {
      const username = await read(authorization.username);
      const password = authorization.password === null ? '' : await read(authorization.password);
      headers.push(['Authorization', basicCredentials(username, password)]);
      break;
    }
    case 'header':
      headers.push([
        'Authorization',
        new Secret(`${authorization.scheme} ${await read(authorization.credentials)}`),
      ]);
      break;
    case 'oauth2': {
      const { oauth2 } = authorization;
      const clientSecret = oauth2.clientSecret === null ? '' : await read(oauth2.clientSecret);
      const key = JSON.stringify([
        oauth2.tokenUrl,
        oauth2.clientId,
        clientSecret,
        oauth2.scopes,
        oauth2.endpointParams,
      ]);
      let token = ports.tokens.get(key, context.nowMs());
      if (token === null) {
        const lent = await fetchToken(oauth2, clientSecret, context, ports, timeoutMs, known);
        token = lent.token;
        ports.tokens.put(key, token, lent.untilMs);
      }
      known.push(token);
      headers.push(['Authorization', new Secret(`Bearer ${token.reveal()}`)]);
      tokenKey = key;
      break;
    }
  }
  const forget = () => {
    if (tokenKey !== null) ports.tokens.drop(tokenKey);
  };
  return { headers, forget };
}

function formEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+');
}

/** The client credentials grant (RFC 6749, section 4.4). */
async function fetchToken(
  oauth2: OAuth2Config,
  clientSecret: string,
  context: DeliveryContext,
  ports: DeliveryPorts,
  timeoutMs: number,
  known: Secret[],
): Promise<{ readonly token: Secret; readonly untilMs: number }> {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (oauth2.scopes.length > 0) form.set('scope', oauth2.scopes.join(' '));
  for (const [name, value] of oauth2.endpointParams) form.set(name, value);
  // Both halves are form-encoded first (RFC 6749, section 2.3.1).
  const encodedSecret = formEncoded(clientSecret);
  const credentials = basicCredentials(formEncoded(oauth2.clientId), encodedSecret);
  known.push(new Secret(encodedSecret), credentials);
  const answer = await ports.http.send({
    method: 'POST',
    url: new Secret(oauth2.tokenUrl),
    headers: [
      ['Content-Type', 'application/x-www-form-urlencoded'],
      ['Accept', 'application/json'],
      ['User-Agent', context.userAgent],
      ['Authorization', credentials],
    ],
    body: form.toString(),
    timeoutMs,
    connection: oauth2,
    wantsBody: true,
  });
  const refusal = judgeHttpAnswer(answer, context.nowMs());
  if (refusal !== null) {
    throw new DeliveryError(refusal.code, `no token: ${refusal.message}`, {
      retryAfterMs: refusal.retryAfterMs,
    });
  }
  const { access_token: token, expires_in: life } = readJsonObject(answer.body);
  if (typeof token !== 'string' || token === '') {
    throw new DeliveryError('server_error', 'no token: the answer of the token server has none');
  }
  const lifeS = typeof life === 'number' && life > 0 ? life : DEFAULT_LIFE_S;
  return { token: new Secret(token), untilMs: context.nowMs() + lifeS * 1_000 - MARGIN_MS };
}
