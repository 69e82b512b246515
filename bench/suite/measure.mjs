// Contestants in turns, and what follows from their values. Every turn gives a list of values, one for each repetition.

/** @param {number[]} values not empty */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Largest less smallest, of the median; 0 where that is 0. */
export function spread(values) {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}

/**
 * One result. A ratio is that of the medians, above 1 where we are ahead; its spread is that of the ratios of the single
 * rounds, in which both met the same machine.
 *
 * @param own values of our turns
 * @param peers those of others, by name; without any they are left out
 */
export function makeResult(name, unit, own, peers = {}, { lowerIsBetter = false } = {}) {
  const ratio = (a, b) => (lowerIsBetter ? b / a : a / b);
  const value = median(own.flat());
  const measured = Object.entries(peers).filter(([, turns]) => turns !== undefined && turns.length > 0);
  const summary = (turns) => {
    const rounds = turns.map((turn, round) => ratio(median(own[round]), median(turn)));
    const ratioSpread = rounds.length > 1 ? { ratioSpread: spread(rounds) } : {};
    return { value: median(turns.flat()), spread: spread(turns.flat()), ...ratioSpread };
  };
  const summaries = measured.map(([peer, turns]) => [peer, summary(turns)]);
  return {
    ...{ name, value, unit, spread: spread(own.flat()) },
    ratios: Object.fromEntries(summaries.map(([peer, its]) => [peer, ratio(value, its.value)])),
    peers: Object.fromEntries(summaries),
  };
}

/**
 * Turns A B A B …: what changes on the machine meanwhile meets all alike. A contestant that fails, but for `ours`, takes
 * no further part, and none of its turns count.
 *
 * @param {Record<string, () => Promise<T>>} contestants `ours` among them
 * @param onTurn called after each turn, with what it gave
 * @param onFailure called with the name of one that failed, and the error
 * @returns {Promise<Record<string, T[]>>} what the turns gave, one for each round
 * @template T
 */
export async function interleave(contestants, rounds, { onTurn = () => {}, onFailure = () => {} } = {}) {
  const turns = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of Object.keys(turns)) {
      try {
        turns[name].push(await contestants[name]());
        onTurn(name, round, turns[name].at(-1));
      } catch (error) {
        if (name === 'ours') throw error;
        delete turns[name];
        onFailure(name, error);
      }
    }
  }
  return turns;
}
