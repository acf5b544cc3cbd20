export { parseSyslog, type SyslogClock } from './parse-syslog.ts';
export { type SyslogElement, type SyslogMessage } from './syslog-message.ts';
export { SyslogSplitter } from './syslog-splitter.ts';
