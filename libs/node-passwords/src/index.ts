export { hashPassword, MAX_HASH_COST, passwordHashProblem } from './password-hash.ts';
export {
  PasswordChecker,
  type PasswordCheckerOptions,
  TooManyChecksError,
} from './password-checker.ts';
