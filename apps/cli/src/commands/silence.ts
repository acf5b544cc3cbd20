import { userInfo } from 'node:os';
import { formatMatchers, MatcherTextError, parseMatchers, SILENCE_TERMS } from '#libs/dispatch';
import { parseRfc3339Ms } from '#libs/calendar';
import { DurationSyntaxError, Matcher, parseDurationMs } from '#libs/labels';
import { z } from 'zod';
import { type Command, type CommandIo, CommandUsageError, type ExitCode } from '../command.ts';
import { askEngine, EngineRequestError, parseEngineArguments } from '../engine-client.ts';

const silenceSchema = z.object({
  id: z.string(),
  status: z.object({ state: z.string() }),
  matchers: z.array(
    z.object({
      name: z.string(),
      value: z.string(),
      isRegex: z.boolean(),
      isEqual: z.boolean().default(true),
    }),
  ),
  startsAt: z.string(),
  endsAt: z.string(),
  createdBy: z.string(),
  comment: z.string(),
  annotations: z.record(z.string(), z.string()).default({}),
});

const DEFAULT_DURATION = '1h';
/** An acknowledgement nobody looks after comes to an end. */
const DEFAULT_ACK_DURATION = '1d';

/** `binnacle silence add MATCHER…` */
export const silenceAddCommand: Command = {
  name: 'silence add',
  usage:
    '[--engine URL] --comment TEXT [--author NAME] [--duration 1h | --end TIME] [--start TIME]\n' +
    '         [--repeats daily|weekly|monthly|monday:friday,sunday [--in ZONE] [--until TIME]] [--notice 15m] MATCHER…',
  summary: 'keep alerts from being announced for some time, once or again and again',
  run: (args, io) => addSilence('add', args, io),
};

/** `binnacle silence ack MATCHER…` */
export const silenceAckCommand: Command = {
  name: 'silence ack',
  usage: '[--engine URL] --comment TEXT [--author NAME] [--duration 1d] [--notice 15m] MATCHER…',
  summary: 'acknowledge alerts: silence them until they have ended',
  run: (args, io) => addSilence('ack', args, io),
};

/** `binnacle silence query [MATCHER…]` */
export const silenceQueryCommand: Command = {
  name: 'silence query',
  usage: '[--engine URL] [--state active,pending,expired] [--json] [MATCHER…]',
  summary: 'list silences that are in force or to come',
  run: (args, io) =>
    reported('query', io, async () => {
      const { engineUrl, isJson, values, positionals } = parseEngineArguments(args, io, ['state']);
      const states = new Set((values.state ?? 'active,pending').split(','));
      const filters = matchersOf(positionals).map((matcher) =>
        formatMatchers([matcher]).slice(1, -1),
      );
      const query = new URLSearchParams();
      for (const filter of filters) query.append('filter', filter);
      for (const state of ['active', 'pending', 'expired']) {
        query.set(state, String(states.delete(state)));
      }
      const [unknown] = states;
      if (unknown !== undefined) {
        throw new CommandUsageError(`--state takes active, pending and expired, not ${unknown}`);
      }
      const body = await askEngine(engineUrl, `api/v2/silences?${query.toString()}`);
      if (isJson) {
        io.out(`${JSON.stringify(body)}\n`);
        return 0;
      }
      const silences = z.array(silenceSchema).parse(body);
      for (const silence of silences) io.out(`${describeSilence(silence)}\n`);
      if (silences.length === 0) io.out('no silence\n');
      return 0;
    }),
};

/** `binnacle silence expire ID…` */
export const silenceExpireCommand: Command = {
  name: 'silence expire',
  usage: '[--engine URL] ID…',
  summary: 'end silences; one that repeats does not come again',
  run: (args, io) =>
    reported('expire', io, async () => {
      const { engineUrl, positionals } = parseEngineArguments(args, io, []);
      if (positionals.length === 0) throw new CommandUsageError('takes at least one id');
      for (const id of positionals) {
        await askEngine(
          engineUrl,
          `api/v2/silence/${encodeURIComponent(id)}`,
          {},
          { method: 'DELETE' },
        );
        io.out(`${id} ended\n`);
      }
      return 0;
    }),
};

function addSilence(
  verb: 'add' | 'ack',
  args: readonly string[],
  io: CommandIo,
): Promise<ExitCode> {
  return reported(verb, io, async () => {
    const { engineUrl, values, positionals } = parseEngineArguments(args, io, [
      'comment',
      'author',
      'duration',
      'notice',
      ...(verb === 'add' ? (['start', 'end', 'repeats', 'in', 'until'] as const) : []),
    ]);
    const matchers = matchersOf(positionals);
    if (matchers.length === 0) throw new CommandUsageError('takes at least one matcher');
    if (values.comment === undefined)
      throw new CommandUsageError('--comment says why; it is needed');
    const nowMs = Date.now();
    const startMs = values.start === undefined ? nowMs : timeOf('--start', values.start);
    const fallback = verb === 'ack' ? DEFAULT_ACK_DURATION : DEFAULT_DURATION;
    const endMs =
      values.end === undefined
        ? startMs + durationOf(values.duration ?? fallback)
        : timeOf('--end', values.end);
    const terms = {
      ...(verb === 'ack' ? { [SILENCE_TERMS.endsWithAlerts]: 'true' } : {}),
      ...given(SILENCE_TERMS.repeats, values.repeats),
      ...given(SILENCE_TERMS.timeZone, values.in),
      ...given(SILENCE_TERMS.until, values.until),
      ...given(SILENCE_TERMS.notice, values.notice),
    };
    const body = await askEngine(
      engineUrl,
      'api/v2/silences',
      {},
      {
        method: 'POST',
        body: {
          matchers: matchers.map(({ name, kind, value }) => ({
            name,
            value,
            isRegex: kind.endsWith('~'),
            isEqual: !kind.startsWith('!'),
          })),
          startsAt: new Date(startMs).toISOString(),
          endsAt: new Date(endMs).toISOString(),
          createdBy: values.author ?? io.env['BINNACLE_AUTHOR'] ?? userInfo().username,
          comment: values.comment,
          annotations: terms,
        },
      },
    );
    io.out(`${z.object({ silenceID: z.string() }).parse(body).silenceID}\n`);
    return 0;
  });
}

function given(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

/** Each argument holds matchers; a plain first word is the name of an alert, as with amtool. */
function matchersOf(texts: readonly string[]): Matcher[] {
  return texts.flatMap((text, i) => {
    if (i === 0 && /^[\w:.-]+$/.test(text)) return [new Matcher('alertname', '=', text)];
    try {
      return parseMatchers(text);
    } catch (error) {
      if (error instanceof MatcherTextError) throw new CommandUsageError(error.message);
      throw error;
    }
  });
}

function durationOf(text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (!(error instanceof DurationSyntaxError)) throw error;
    throw new CommandUsageError(`--duration takes a duration such as 2h, not ${text}`);
  }
}

function timeOf(option: string, text: string): number {
  const timeMs = parseRfc3339Ms(text);
  if (timeMs === null)
    throw new CommandUsageError(`${option} takes a time such as 2026-01-02T03:04:05Z`);
  return timeMs;
}

function describeSilence(silence: z.output<typeof silenceSchema>): string {
  const matchers = silence.matchers.map(
    ({ name, value, isRegex, isEqual }) =>
      new Matcher(name, isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=', value),
  );
  const { annotations, startsAt, endsAt, createdBy, comment, id, status } = silence;
  const repeats = annotations[SILENCE_TERMS.repeats];
  const terms = [
    ...(annotations[SILENCE_TERMS.endsWithAlerts] === 'true' ? ['until its alerts end'] : []),
    ...(repeats === undefined ? [] : [`repeats ${repeats}`]),
  ].map((term) => `, ${term}`);
  return (
    `${id} ${status.state.padEnd(7)} ${formatMatchers(matchers)} from ${startsAt} to ${endsAt}${terms.join('')}\n` +
    `         ${createdBy}: ${comment}`
  );
}

async function reported(
  verb: string,
  io: CommandIo,
  run: () => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof EngineRequestError)) throw error;
    io.err(`binnacle silence ${verb}: ${error.message}\n`);
    return 1;
  }
}
