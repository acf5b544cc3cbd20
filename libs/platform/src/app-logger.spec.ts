import { describe, expect, it } from '@jest/globals';
import { AppLogger, describeError } from './index.ts';

function logged(write: (logger: AppLogger) => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  write(
    AppLogger.create({ app: 'test', level: 'info', write: (line) => lines.push(JSON.parse(line)) }),
  );
  return lines;
}

describe('AppLogger', () => {
  it('writes one JSON object a line with level, app, time and fields', () => {
    expect(logged((logger) => logger.info('started', { port: 1 }))).toMatchObject([
      { level: 'info', app: 'test', message: 'started', port: 1, time: expect.any(String) },
    ]);
  });
  it('tells an error by its message and causes', () => {
    const error = new Error('could not send', { cause: new Error('connect ECONNREFUSED') });
    expect(logged((logger) => logger.error('notification failed', error))).toMatchObject([
      { level: 'error', error: 'could not send: connect ECONNREFUSED' },
    ]);
  });
  it('keeps Nest’s start-up chatter to the debug level', () => {
    expect(logged((logger) => logger.log('Mapped {/metrics, GET} route'))).toEqual([]);
  });
  it('adds the fields of its parent', () => {
    expect(logged((logger) => logger.with({ group: 'g' }).warn('slow'))).toMatchObject([
      { level: 'warn', group: 'g' },
    ]);
  });
});

describe('describeError', () => {
  it('tells the errors inside an AggregateError without a message of its own', () => {
    const error = new AggregateError([new Error('::1 refused'), new Error('127.0.0.1 refused')]);
    expect(describeError(error)).toBe('::1 refused; 127.0.0.1 refused');
  });
});
