/** Pages of blocks read last, bounded in bytes. */
export class PageCache {
  readonly #maxBytes: number;
  readonly #pages = new Map<string, Map<number, Buffer>>();
  /** Oldest first. */
  readonly #order = new Map<Buffer, { readonly block: string; readonly offset: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(block: string, offset: number): Buffer | null {
    const page = this.#pages.get(block)?.get(offset);
    if (page === undefined) return null;
    const place = this.#order.get(page)!;
    this.#order.delete(page);
    this.#order.set(page, place);
    return page;
  }

  put(block: string, offset: number, page: Buffer): void {
    if (page.length > this.#maxBytes / 4) return;
    let pages = this.#pages.get(block);
    if (pages === undefined) this.#pages.set(block, (pages = new Map()));
    const before = pages.get(offset);
    if (before !== undefined) this.#drop(before);
    pages.set(offset, page);
    this.#order.set(page, { block, offset });
    this.#bytes += page.length;
    while (this.#bytes > this.#maxBytes) this.#drop(this.#order.keys().next().value!);
  }

  /** Drops the pages of a block. */
  forget(block: string): void {
    for (const page of this.#pages.get(block)?.values() ?? []) {
      this.#order.delete(page);
      this.#bytes -= page.length;
    }
    this.#pages.delete(block);
  }

  #drop(page: Buffer): void {
    const { block, offset } = this.#order.get(page)!;
    this.#order.delete(page);
    this.#bytes -= page.length;
    const pages = this.#pages.get(block);
    pages?.delete(offset);
    if (pages?.size === 0) this.#pages.delete(block);
  }
}
