/** Finds the name that somebody probably meant. */

/** Names up to this length may differ by one change only: with two, most short words resemble each other. */
const SHORT = 5;

/** The known name within two changes of `name`, case and separators aside; the nearest, undefined when there is none. */
export function likelyMeant(name: string, known: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined;
  const plain = bare(name);
  for (const candidate of known) {
    const target = bare(candidate);
    const limit = Math.min(best ? best.distance - 1 : 2, target.length <= SHORT ? 1 : 2);
    if (Math.abs(target.length - plain.length) > limit) continue;
    const distance = editDistance(plain, target);
    if (distance <= limit) best = { name: candidate, distance };
  }
  return best?.name;
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[_\-\s]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` ("optimal string alignment"). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, i > 1 && j > 1 ? swapped : replaced));
    }
  }
  return at(a.length, b.length);
}
