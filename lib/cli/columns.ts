/** Columns that text takes on a terminal: Hangul, Han, kana and full-width forms take two. */

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Marks on the letter before, and the vowels and finals of Hangul in its decomposed form. */
const ZERO = /[\p{M}\u1160-\u11ff\u200b-\u200d]/u;

export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) if (!ZERO.test(character)) columns += WIDE.test(character) ? 2 : 1;
  return columns;
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

/** Rows of a title and a value, the values below each other. */
export function table(rows: readonly (readonly [title: string, value: string])[], least = 0): string[] {
  const width = Math.max(least, ...rows.map(([title]) => columnsOf(title)));
  return rows.map(([title, value]) => `${padEnd(title, width)}  ${value}`);
}

/** Rows of cells, each column as wide as its widest cell; an empty end of a row is left out. */
export function grid(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, i) => Math.max(...rows.map((row) => columnsOf(row[i] ?? ''))));
  return rows.map((row) =>
    row
      .map((cell, i) => padEnd(cell, widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
