import { parseArgs } from 'node:util';
import { hashPassword } from '#libs/node-passwords';
import { type Command, type CommandIo, CommandUsageError } from '../command.ts';

const DEFAULT_COST = '10';
/** bcrypt takes 72 bytes; so much tells that something else than a password came in. */
const MAX_INPUT_CHARACTERS = 4_096;

/** `binnacle hash-password`: what `auth.users` and `auth.basic_auth_users` take, of a password on the standard input. */
export const hashPasswordCommand: Command = {
  name: 'hash-password',
  usage: '[--cost 4..14] < FILE',
  summary: 'make the bcrypt hash of a password that is read from the standard input',
  async run(args, io) {
    const cost = costOf(args);
    const input = await readPassword(io);
    try {
      io.out(`${await hashPassword(input, cost)}\n`);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      io.err(`binnacle hash-password: ${error.message}\n`);
      return 1;
    }
    return 0;
  },
};

/** The first line; the newline that an editor or `echo` adds is no part of a password. */
async function readPassword(io: CommandIo): Promise<string> {
  if (io.readInput === undefined) throw new CommandUsageError('reads the standard input');
  const text = await io.readInput();
  if (text.length > MAX_INPUT_CHARACTERS) throw new CommandUsageError('takes one password');
  const [first = '', ...rest] = text.split(/\r?\n/);
  if (rest.some((line) => line !== '')) throw new CommandUsageError('takes one line');
  return first;
}

function costOf(args: readonly string[]): number {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: { cost: { type: 'string', default: DEFAULT_COST } },
    });
    return Number(values.cost);
  } catch (error) {
    throw new CommandUsageError(error instanceof Error ? error.message : String(error));
  }
}
