import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { detectLevel, LOG_LEVELS } from './index.ts';

function levelOf(line: string): string {
  const bytes = Buffer.from(`xx${line}ERROR`);
  return LOG_LEVELS[detectLevel(bytes, 2, bytes.length - 5)]!;
}

describe('the level of a line', () => {
  it.each([
    // JSON fields
    ['{"level":"info","msg":"x"}', 'info'],
    ['{"ts":1,"Level" : "WARNING"}', 'warn'],
    ['{"severity":"CRITICAL"}', 'fatal'],
    ['{"level":30,"msg":"pino"}', 'info'],
    ['{"level":50}', 'error'],
    ['{"level":35}', 'unknown'],
    ['{"log.level":"error"}', 'error'],
    ['{"log":{"level":"debug"},"message":"ecs"}', 'debug'],
    ['{"msg":"the \\"level\\":\\"error\\" is quoted","level":"trace"}', 'trace'],
    ['{"nested":{"level":"error"},"level":"info"}', 'info'],
    ['{"@l":"Warning","@m":"serilog"}', 'warn'],
    ['{"msg":"no level, ERROR inside"}', 'error'],
    ['{"levelname":"DPANIC"}', 'fatal'],
    ['{"level":"', 'unknown'],
    ['{"__proto__":{"level":"error"},"level":"info"}', 'info'],
    // logfmt
    ['level=warn msg="logfmt value" dur=1.5s', 'warn'],
    ['time="2026-03-01" level="error" msg=x', 'error'],
    ['ts=1 msg="an ERROR was seen" level=info', 'info'],
    ['msg="an ERROR was seen"', 'error'],
    ['lvl=dbug', 'unknown'],
    ['t=1 lvl=eror msg=x', 'error'],
    ['sublevel=error', 'unknown'],
    // klog, glog, syslog priorities
    ['I0301 08:00:00.123456       1 main.go:1] started', 'info'],
    ['W0301 08:00:00.123456       1 main.go:1] careful', 'warn'],
    ['E0301 08:00:00.123456       1 main.go:1] failed', 'error'],
    ['F0301 08:00:00.123456       1 main.go:1] gone', 'fatal'],
    ['E0301x not klog', 'unknown'],
    ['<3>kernel says', 'error'],
    ['<30>daemon.info', 'info'],
    ['<7>debugging', 'debug'],
    ['<192>too big', 'unknown'],
    ['<b>html</b>', 'unknown'],
    // words
    ['2026-03-01 08:00:00.123 ERROR 1 --- [main] o.a.c.C : failed', 'error'],
    ['2026-03-01 08:00:00,000 INFO root: starting', 'info'],
    ['WARNING:root:careful', 'warn'],
    ['[2026-03-01 08:00:00] [error] [pid 1] AH00001: x', 'error'],
    ['2026/03/01 08:00:00 [crit] 1#1: *1 open() failed', 'fatal'],
    ['[INFO ] padded', 'info'],
    ['[08:00:00 INF] Serilog', 'info'],
    ['info: Microsoft.Hosting.Lifetime[0]', 'info'],
    ['fail', 'unknown'],
    ['I, [2026-03-01T08:00:00] INFO -- : start', 'info'],
    ['\u001B[31mERROR\u001B[0m in red', 'error'],
    ['\u001B[1;33m[warn]\u001B[0m yellow', 'warn'],
    ['2026-03-01 UTC [1] FATAL:  the database is starting up', 'fatal'],
    ['DEBUG something', 'debug'],
    ['TRACE something', 'trace'],
    ['| WARN | between bars', 'warn'],
    // prose and names are no levels
    ['no error found here', 'unknown'],
    ['error_count=0', 'unknown'],
    ['GET /errors/ERROR-1 200', 'unknown'],
    ['/var/log/error/info', 'unknown'],
    ['information is power', 'unknown'],
    ['listening on 3000', 'unknown'],
    ['no-error', 'unknown'],
    ['', 'unknown'],
    ['   ', 'unknown'],
    // crashes
    ['panic: runtime error: index out of range', 'fatal'],
    ['fatal error: all goroutines are asleep', 'fatal'],
    ['Traceback (most recent call last):', 'error'],
    ['Exception in thread "main" java.lang.Error', 'error'],
    ['java.lang.IllegalStateException: Failed to load', 'error'],
    ['TypeError: Cannot read properties of undefined', 'error'],
    ['Unhandled exception. System.InvalidOperationException', 'error'],
    ["thread 'main' panicked at src/main.rs:4:5:", 'error'],
    ['Error: plain', 'error'],
    ['NoError', 'unknown'],
  ])('%j is %s', (line, level) => {
    expect(levelOf(line)).toBe(level);
  });

  it('is not looked for far into a line', () => {
    expect(levelOf(`${'x '.repeat(200)}ERROR`)).toBe('unknown');
  });

  it('does not depend on what lies around the line, whatever it holds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array(), (line, around) => {
        const bytes = Buffer.concat([around, line, around]);
        const alone = detectLevel(line, 0, line.length);
        expect(detectLevel(bytes, around.length, around.length + line.length)).toBe(alone);
      }),
    );
  });

  it('takes time linear in the line for anything', () => {
    for (const unit of ['{"', '[', '\\', 'level=', '"', '{"log":{', '\u001B[', 'ERRO']) {
      const bytes = Buffer.from(unit.repeat(65_536 / unit.length));
      let fastestMs = Number.POSITIVE_INFINITY;
      // The shortest of a few runs, since other programs may want the machine as well.
      for (let run = 0; run < 5; run++) {
        const startMs = performance.now();
        detectLevel(bytes, 0, bytes.length);
        fastestMs = Math.min(fastestMs, performance.now() - startMs);
      }
      expect(fastestMs).toBeLessThan(1_000);
    }
  });
});
