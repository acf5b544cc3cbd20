/** The version that both services tell of themselves; the one in `package.json`. */
export const VERSION = '0.1.0';

/** What their requests call them. */
export const USER_AGENT = `Binnacle/${VERSION}`;
