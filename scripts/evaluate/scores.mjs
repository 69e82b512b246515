// Scores of answers, by group.
import { editDistance, rightCells, tableCells, UNITS } from './distance.mjs';

/** Gathers answers and says how good they are. */
export class Scores {
  #groups = new Map();

  /** @param groups names of the groups that the answer counts in */
  add(groups, answer, truth) {
    const values = judge(answer.trim(), truth.trim());
    for (const group of groups) {
      const sums = this.#groups.get(group) ?? {
        answers: 0,
        exact: 0,
        edits: {},
        units: {},
        cells: { right: 0, count: 0 },
      };
      sums.answers += 1;
      sums.exact += values.exact ? 1 : 0;
      for (const unit of Object.keys(UNITS)) {
        sums.edits[unit] = (sums.edits[unit] ?? 0) + values.edits[unit];
        sums.units[unit] = (sums.units[unit] ?? 0) + values.units[unit];
      }
      sums.cells.right += values.cells.right;
      sums.cells.count += values.cells.count;
      this.#groups.set(group, sums);
    }
  }

  /** Per group: answers, and shares from 0 to 1. The error rates can be above 1 where an answer is far too long. */
  summary() {
    return [...this.#groups].map(([group, { answers, exact, edits, units, cells }]) => ({
      group,
      answers,
      exact: exact / answers,
      characterErrors: edits.characters / units.characters,
      letterErrors: edits.letters / units.letters,
      wordErrors: edits.words / units.words,
      ...(cells.count > 0 ? { cells: cells.right / cells.count } : {}),
    }));
  }
}

function judge(answer, truth) {
  const edits = {};
  const units = {};
  for (const [unit, split] of Object.entries(UNITS)) {
    const expected = split(truth);
    edits[unit] = editDistance(split(answer), expected);
    units[unit] = expected.length;
  }
  const cells = tableCells(truth).length > 0 ? rightCells(answer, truth) : { right: 0, count: 0 };
  return { exact: edits.characters === 0, edits, units, cells };
}

/** A table for the terminal and for Markdown alike. */
export function scoreTable(summary) {
  const percent = (share) => (share === undefined ? '' : `${(100 * share).toFixed(1)} %`);
  const rows = summary.map(({ group, answers, exact, characterErrors, letterErrors, wordErrors, cells }) =>
    [group, answers, ...[exact, characterErrors, letterErrors, wordErrors, cells].map(percent)].join(' | '),
  );
  const header =
    '| group | answers | exact | CER | CER by jamo | WER | cells |\n| --- | --- | --- | --- | --- | --- | --- |';
  return [header, ...rows.map((row) => `| ${row} |`)].join('\n');
}
