/** Where to listen; port 0 has the system choose one. */
export interface ListenAt {
  readonly host: string;
  readonly port: number;
}

/** Where a listener is to be reached. */
export type BoundAddress = ListenAt;
