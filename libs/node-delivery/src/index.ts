export { AddressPolicy, DEFAULT_DENIED_NETWORKS } from './address-policy.ts';
export { FileSecretReader } from './file-secret-reader.ts';
export { FluentSessionTransport } from './fluent-session-transport.ts';
export { SmtpMailTransport } from './smtp-mail-transport.ts';
export { type LoadedTemplates, loadTemplates } from './template-files.ts';
export { UndiciHttpTransport } from './undici-http-transport.ts';
