// How far an answer is from the truth: edits of characters, letters of Hangul, or words.

/** The least number of items to insert, delete or replace (Levenshtein) to get from one list to the other. */
export function editDistance(from, to) {
  let above = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (const [i, item] of from.entries()) {
    const row = [i + 1];
    for (const [j, other] of to.entries()) {
      row.push(Math.min(above[j + 1] + 1, row[j] + 1, above[j] + (item === other ? 0 : 1)));
    }
    above = row;
  }
  return above[to.length];
}

/** What a text is made of: Hangul counts as syllables in `characters` and as its jamo in `letters`. */
export const UNITS = {
  characters: (text) => [...text.normalize('NFC')],
  letters: (text) => [...text.normalize('NFD')],
  words: (text) => text.normalize('NFC').split(/\s+/u).filter(Boolean),
};

/** The cells of the Markdown tables of a text: rows of trimmed strings, without the row of dashes. */
export function tableCells(markdown) {
  return markdown
    .split('\n')
    .filter((line) => line.trim().startsWith('|') && !/^[\s|:-]+$/.test(line))
    .map((line) =>
      line
        .trim()
        .replace(/^\||\|$/g, '')
        .split('|')
        .map((cell) => cell.trim()),
    );
}

/** How many cells of the true table stand at their place in the answer, and how many there are. */
export function rightCells(answer, truth) {
  const given = tableCells(answer);
  const cells = tableCells(truth).flatMap((row, i) => row.map((cell, j) => given[i]?.[j] === cell));
  return { right: cells.filter(Boolean).length, count: cells.length };
}
