/** What the thread that compares is asked. */
export interface CheckRequest {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

/** What it answers. */
export interface CheckReply {
  readonly id: number;
  readonly isRight: boolean;
}
