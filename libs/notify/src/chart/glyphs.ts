/** What a tick may say, 5 by 7 dots: a number for each row, its highest bit on the left. */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  '0': [14, 17, 19, 21, 25, 17, 14],
  '1': [4, 12, 4, 4, 4, 4, 14],
  '2': [14, 17, 1, 2, 4, 8, 31],
  '3': [31, 2, 4, 2, 1, 17, 14],
  '4': [2, 6, 10, 18, 31, 2, 2],
  '5': [31, 16, 30, 1, 1, 17, 14],
  '6': [6, 8, 16, 30, 17, 17, 14],
  '7': [31, 1, 2, 4, 8, 8, 8],
  '8': [14, 17, 17, 14, 17, 17, 14],
  '9': [14, 17, 17, 15, 1, 2, 12],
  '.': [0, 0, 0, 0, 0, 12, 12],
  '-': [0, 0, 0, 14, 0, 0, 0],
  ':': [0, 12, 12, 0, 12, 12, 0],
  '+': [0, 4, 4, 31, 4, 4, 0],
  e: [0, 0, 14, 17, 31, 16, 14],
  k: [16, 16, 18, 20, 24, 20, 18],
  m: [0, 0, 26, 21, 21, 21, 21],
  M: [17, 27, 21, 21, 17, 17, 17],
  G: [14, 17, 16, 23, 17, 17, 14],
  T: [31, 4, 4, 4, 4, 4, 4],
  U: [17, 17, 17, 17, 17, 17, 14],
  C: [14, 17, 16, 16, 16, 17, 14],
};

const WIDTH = 5;
const HEIGHT = 7;

/** How wide a text is, in pixels. */
export function textWidth(text: string, scale: number): number {
  return text.length * (WIDTH + 1) * scale;
}

/** Calls `dot` for each square of `scale` pixels that a text is made of, from its top left. */
export function drawText(text: string, scale: number, dot: (x: number, y: number) => void): void {
  for (let i = 0; i < text.length; i++) {
    const rows = GLYPHS[text[i]!] ?? [];
    for (let y = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++) {
        if ((((rows[y] ?? 0) >> (WIDTH - 1 - x)) & 1) === 1) {
          dot((i * (WIDTH + 1) + x) * scale, y * scale);
        }
      }
    }
  }
}
