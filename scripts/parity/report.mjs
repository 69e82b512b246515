// The report of a parity run.

const number = (value) => (value === 0 ? '0' : value.toExponential(2));

/** One line per check. */
export function formatRow({ name, quantity, maxAbs, maxRel, tolerance, cosine, rowCosine, leastCosine, ok }) {
  const drift = () => `${leastCosine ? `cosine >= ${leastCosine}` : 'reported'} (worst token ${rowCosine.toFixed(6)})`;
  const limit = tolerance === null ? drift() : `<= ${number(tolerance)}`;
  const measured = cosine === undefined ? number(maxRel) : `cosine ${cosine.toFixed(6)}`;
  return [
    ok ? 'ok  ' : 'FAIL',
    name.padEnd(42),
    quantity.padEnd(28),
    number(maxAbs).padStart(9),
    measured.padStart(16),
    limit,
  ].join('  ');
}

export const HEADER = [
  '    ',
  'case'.padEnd(42),
  'quantity'.padEnd(28),
  'max abs'.padStart(9),
  'max rel'.padStart(16),
  'limit',
].join('  ');

/** { passed, failed, cases } */
export function summarise(rows) {
  const passed = rows.filter(({ ok }) => ok).length;
  return { passed, failed: rows.length - passed, cases: rows };
}
