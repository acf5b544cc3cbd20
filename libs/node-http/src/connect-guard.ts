import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from './agent.ts';
import { HttpGetError } from './http-get-error.ts';

/**
 * Why no connection is made to the address that a name has led to, as a sentence, or null where one may be. It is asked
 * about the address that is connected to, so that no name can answer one thing first and then another. Hosts that are
 * addresses themselves are whoever's who made the URL.
 * @param port null before it is known; asked again when it is
 */
export type ConnectGuard = (place: {
  readonly hostname: string;
  readonly ip: string;
  readonly port: number | null;
}) => string | null;

type Connector = ReturnType<typeof buildConnector>;

/** Connects as undici does, but asks the guard about every address that a name leads to. */
export function guardedConnector(
  options: Omit<NonNullable<Parameters<typeof buildConnector>[0]>, 'allowH2' | 'lookup'>,
  guard: ConnectGuard,
): Connector {
  const guardedLookup: LookupFunction = (hostname, asked, callback) => {
    lookup(hostname, asked, (error, address, family) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      const found = typeof address === 'string' ? [address] : address.map(({ address: ip }) => ip);
      const reason = found
        .map((ip) => guard({ hostname, ip, port: null }))
        .find((text) => text !== null);
      if (reason === undefined) callback(null, address, family);
      else callback(new HttpGetError('forbidden', reason), '');
    });
  };
  const connect = buildConnector({ ...options, allowH2: false, lookup: guardedLookup });
  return (place, callback) => {
    connect(place, (...[error, socket]) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      const { remoteAddress: ip = '', remotePort: port = null } = socket;
      const isName = isIP(place.hostname.replace(/^\[(.*)\]$/, '$1')) === 0;
      const reason = isName ? guard({ hostname: place.hostname, ip, port }) : null;
      if (reason === null) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(new HttpGetError('forbidden', reason), null);
    });
  };
}
