import type { HttpReceiverIntegration } from '#libs/dispatch';

/** What the block of a kind says. */
export type SettingsOf<Kind extends HttpReceiverIntegration['kind']> = Extract<
  HttpReceiverIntegration,
  { readonly kind: Kind }
>['settings'];
