/** A message as both forms tell it; what a message does not say is empty. */
export interface SyslogMessage {
  /** Name of the facility, such as `daemon`; empty where the message has no priority. */
  facility: string;
  /** Name of the severity, such as `err`; empty where the message has no priority. */
  severity: string;
  /** Seconds since the epoch; NaN where the message tells no time that can be understood. */
  seconds: number;
  nanos: number;
  hostname: string;
  appName: string;
  procId: string;
  msgId: string;
  /** Parameters by element, in the order of the message. */
  structured: readonly SyslogElement[];
  message: Buffer;
  /** Which form it was in; `none` has no priority and is all message. */
  form: 'rfc5424' | 'rfc3164' | 'none';
}

/** One element of RFC 5424's structured data. */
export interface SyslogElement {
  readonly id: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** RFC 5424, section 6.2.1. */
export const FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'ntp',
  'security',
  'console',
  'solaris-cron',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

/** RFC 5424, section 6.2.1, the most urgent first. */
export const SEVERITIES = [
  'emerg',
  'alert',
  'crit',
  'err',
  'warning',
  'notice',
  'info',
  'debug',
] as const;
