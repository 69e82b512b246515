// The report of a parity run.

const number = (value) => (value === 0 ? '0' : value.toExponential(2));

/** One line per check or measurement. */
export function formatRow({ name, quantity, maxAbs, maxRel, tolerance, ok }) {
  const limit = tolerance === undefined ? 'measured' : `<= ${number(tolerance)}`;
  const mark = ok === undefined ? '    ' : ok ? 'ok  ' : 'FAIL';
  const columns = [name.padEnd(42), quantity.padEnd(28), number(maxAbs).padStart(9), number(maxRel).padStart(9), limit];
  return [mark, ...columns].join('  ');
}

export const HEADER = [
  '    ',
  'case'.padEnd(42),
  'quantity'.padEnd(28),
  'max abs'.padStart(9),
  'max rel'.padStart(9),
  'limit',
].join('  ');

/** { passed, failed, cases, measured }: what was judged, and what was only measured. */
export function summarise(rows) {
  const cases = rows.filter(({ ok }) => ok !== undefined);
  const passed = cases.filter(({ ok }) => ok).length;
  return { passed, failed: cases.length - passed, cases, measured: rows.filter(({ ok }) => ok === undefined) };
}
