import { afterEach, describe, expect, it } from '@jest/globals';
import { hashPassword, PasswordChecker, passwordHashProblem, TooManyChecksError } from './index.ts';

let checker: PasswordChecker | null = null;

afterEach(async () => {
  await checker?.close();
  checker = null;
});

function create(options?: ConstructorParameters<typeof PasswordChecker>[0]): PasswordChecker {
  checker = new PasswordChecker(options);
  return checker;
}

// Of crypt(3), as `htpasswd -B` prints them and as others do.
const SECRET = {
  $2y: '$2y$04$eQhC6VjYYSI5qGqZnhtQ9enciUCFQNkvi4vztcAT2BPWThmYQWIRy',
  $2b: '$2b$04$i9QthnZqGq5ISYYjV6ChQeklaNA/aKD6KJG3axtPoabZJxP5Qjzy2',
};

const WANTED =
  'expected a bcrypt hash ($2y$10$…), as `binnacle hash-password` and `htpasswd -nB` print one';

describe('a hash of a password', () => {
  it.each([
    [SECRET.$2y, null],
    [SECRET.$2b, null],
    [SECRET.$2b.replace('$2b$', '$2a$'), null],
    [SECRET.$2b.replace('$04$', '$15$'), 'the cost of the hash is 15; accepted are 4 to 14'],
    [SECRET.$2b.replace('$04$', '$03$'), 'the cost of the hash is 03; accepted are 4 to 14'],
    [SECRET.$2b.replace('$2b$', '$2x$'), WANTED],
    [`${SECRET.$2b}a`, WANTED],
    ['s3cret', WANTED],
    ['', WANTED],
  ])('%s: %j', (text, problem) => {
    expect(passwordHashProblem(text)).toBe(problem);
  });

  it('is another each time, and fits its password alone', async () => {
    const [first, second] = [await hashPassword('pä ss', 4), await hashPassword('pä ss', 4)];
    expect(first).not.toBe(second);
    expect(passwordHashProblem(first)).toBeNull();
    const passwords = create();
    expect(await passwords.check('pä ss', first)).toBe(true);
    expect(await passwords.check('pa ss', first)).toBe(false);
  });

  it.each([
    ['', 4],
    ['ä'.repeat(37), 4],
    ['a', 15],
    ['a', 3],
    ['a', 4.5],
  ])('is not made of %j at cost %d', async (password, cost) => {
    await expect(hashPassword(password, cost)).rejects.toThrow(RangeError);
  });
});

describe('PasswordChecker', () => {
  it.each(Object.values(SECRET))('knows the password of %s', async (hash) => {
    const passwords = create();
    expect(await passwords.check('secret', hash)).toBe(true);
    expect(await passwords.check('secreT', hash)).toBe(false);
  });

  it('answers at once what it has found out', async () => {
    const passwords = create();
    const first = passwords.check('secret', SECRET.$2b);
    expect(first).toBeInstanceOf(Promise);
    expect(passwords.check('secret', SECRET.$2b)).toBe(first);
    await first;
    await passwords.check('wrong', SECRET.$2b);
    expect(passwords.check('secret', SECRET.$2b)).toBe(true);
    expect(passwords.check('wrong', SECRET.$2b)).toBe(false);
    expect(passwords.check('secret', SECRET.$2y)).toBeInstanceOf(Promise);
  });

  it('forgets the oldest of what it has found out, the right apart from the wrong', async () => {
    const passwords = create({ maxRemembered: 2 });
    await passwords.check('secret', SECRET.$2b);
    for (const password of ['a', 'b', 'c']) await passwords.check(password, SECRET.$2b);
    expect(passwords.check('secret', SECRET.$2b)).toBe(true);
    expect(passwords.check('b', SECRET.$2b)).toBe(false);
    expect(passwords.check('a', SECRET.$2b)).toBeInstanceOf(Promise);
  });

  it('refuses more than may wait, and takes the next when there is room', async () => {
    const passwords = create({ maxWaiting: 2 });
    const two = [passwords.check('a', SECRET.$2b), passwords.check('b', SECRET.$2b)];
    await expect(passwords.check('c', SECRET.$2b)).rejects.toThrow(TooManyChecksError);
    for (const found of two) expect(await found).toBe(false);
    expect(await passwords.check('secret', SECRET.$2b)).toBe(true);
  });

  it('rejects what waits when it is closed', async () => {
    const passwords = create();
    const waiting = passwords.check('secret', SECRET.$2b);
    await passwords.close();
    await expect(waiting).rejects.toThrow('no longer checked');
  });
});
