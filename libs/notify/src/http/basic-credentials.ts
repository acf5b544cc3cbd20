import { Secret } from '#libs/yaml-config';

/** The value of an `Authorization` header for a user and a password. */
export function basicCredentials(username: string, password: string): Secret {
  return new Secret(`Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`);
}
