import { genSalt, hash as bcryptHash } from 'bcryptjs';

/** The slowest hash that is checked: a comparison takes about a second. */
export const MAX_HASH_COST = 14;
const MIN_HASH_COST = 4;

/** bcrypt looks at no more of a password. */
const MAX_PASSWORD_BYTES = 72;

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** @returns what is wrong with a text that should be a hash, or null; it repeats nothing of the text */
export function passwordHashProblem(text: string): string | null {
  const cost = BCRYPT.exec(text)?.[1];
  if (cost === undefined) {
    return 'expected a bcrypt hash ($2y$10$…), as `binnacle hash-password` and `htpasswd -nB` print one';
  }
  return Number(cost) < MIN_HASH_COST || Number(cost) > MAX_HASH_COST
    ? `the cost of the hash is ${cost}; accepted are ${MIN_HASH_COST} to ${MAX_HASH_COST}`
    : null;
}

/**
 * A bcrypt hash with a salt of its own.
 * @param cost the logarithm of the work, 4 to 14
 * @throws RangeError for a password that is empty or longer than bcrypt looks at
 */
export async function hashPassword(password: string, cost: number): Promise<string> {
  const length = Buffer.byteLength(password);
  if (length === 0) throw new RangeError('the password is empty');
  if (length > MAX_PASSWORD_BYTES) {
    throw new RangeError(`the password has ${length} bytes; bcrypt takes ${MAX_PASSWORD_BYTES}`);
  }
  if (!Number.isInteger(cost) || cost < MIN_HASH_COST || cost > MAX_HASH_COST) {
    throw new RangeError(`the cost is ${cost}; accepted are ${MIN_HASH_COST} to ${MAX_HASH_COST}`);
  }
  return bcryptHash(password, await genSalt(cost));
}
