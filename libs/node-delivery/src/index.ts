export { FileSecretReader } from './file-secret-reader.ts';
export { SmtpMailTransport } from './smtp-mail-transport.ts';
export { UndiciHttpTransport } from './undici-http-transport.ts';
