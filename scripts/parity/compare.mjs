// How two arrays of numbers differ.

/** { maxAbs, maxRel }: the largest difference, and its ratio to the reference's largest magnitude. */
export function difference(actual, expected) {
  if (actual.length !== expected.length) {
    throw new Error(`${actual.length} numbers stand against ${expected.length} of the reference`);
  }
  let maxAbs = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i] - expected[i]);
    // NaN on either side must not pass as "no difference"
    maxAbs = distance <= maxAbs ? maxAbs : Number.isNaN(distance) ? Infinity : distance;
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return { maxAbs, maxRel: scale > 0 ? maxAbs / scale : maxAbs };
}

/** The smallest cosine between matching rows of `width` numbers. */
export function smallestCosine(actual, expected, width) {
  let smallest = 1;
  for (let row = 0; row < expected.length; row += width) {
    let dot = 0;
    let a = 0;
    let b = 0;
    for (let i = row; i < row + width; i++) {
      dot += actual[i] * expected[i];
      a += actual[i] * actual[i];
      b += expected[i] * expected[i];
    }
    const cosine = dot / Math.sqrt(a * b);
    smallest = cosine >= smallest ? smallest : Number.isNaN(cosine) ? -1 : cosine;
  }
  return smallest;
}

/**
 * The reference interleaves the intermediate states element by element, the engine has one block per state; here the
 * reference's rows are brought into the engine's order. Rows: [final state (width) | width × count interleaved].
 */
export function toConcatenated(features, width, count) {
  const row = width * (1 + count);
  const result = new Float32Array(features.length);
  for (let start = 0; start < features.length; start += row) {
    result.set(features.subarray(start, start + width), start);
    for (let d = 0; d < width; d++) {
      for (let k = 0; k < count; k++) {
        result[start + width * (1 + k) + d] = features[start + width + d * count + k];
      }
    }
  }
  return result;
}
