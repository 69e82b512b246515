// The report of a parity run.

const number = (value) => (value === 0 ? '0' : value.toExponential(2));

/** One line per check. A difference of cosines is 2 at most: such a limit is none. */
export function formatRow({ name, quantity, maxAbs, maxRel, tolerance, ok }) {
  const limit = tolerance >= 2 ? 'reported' : `<= ${number(tolerance)}`;
  const columns = [name.padEnd(42), quantity.padEnd(28), number(maxAbs).padStart(9), number(maxRel).padStart(9), limit];
  return [ok ? 'ok  ' : 'FAIL', ...columns].join('  ');
}

export const HEADER = [
  '    ',
  'case'.padEnd(42),
  'quantity'.padEnd(28),
  'max abs'.padStart(9),
  'max rel'.padStart(9),
  'limit',
].join('  ');

/** { passed, failed, cases } */
export function summarise(rows) {
  const passed = rows.filter(({ ok }) => ok).length;
  return { passed, failed: rows.length - passed, cases: rows };
}
