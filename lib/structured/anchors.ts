/**
 * A pattern of JSON Schema matches when it is found anywhere. Here that becomes a pattern of the whole text: what no
 * anchor holds gets "anything" around it. Lookahead becomes a second pattern that must match as well, or must not.
 */

import { ANY_CHAR } from './char-set.js';
import { type ParsedPattern, type Pattern, PatternProblem } from './pattern.js';

/** Patterns of whole texts: a text matches when it matches `pattern`, every one of `also` and none of `never`. */
export interface WholePattern {
  readonly pattern: Pattern;
  readonly also: readonly Pattern[];
  readonly never: readonly Pattern[];
}

const ANYTHING: Pattern = {
  kind: 'repeat',
  body: { kind: 'set', set: ANY_CHAR },
  min: 0,
  max: Number.POSITIVE_INFINITY,
};

/** The sides of a part on which the text may go on, unless an anchor stands there. */
interface Open {
  left: boolean;
  right: boolean;
}

const CLOSED: Open = { left: false, right: false };

/** @returns the alternatives at the top @throws PatternProblem */
export function wholePatterns(parsed: ParsedPattern): WholePattern[] {
  const options = parsed.kind === 'choice' ? parsed.options : [parsed];
  if (!options.some((option) => partsOf(option).some((part) => part.kind === 'lookahead'))) {
    return [{ pattern: close(parsed, { left: true, right: true }), also: [], never: [] }];
  }
  return options.map(withLookahead);
}

/** One alternative: `A(?=X)B` is `AB` that is also `AX…`. */
function withLookahead(parsed: ParsedPattern): WholePattern {
  const parts = partsOf(parsed);
  const plain = parts.filter((part) => part.kind !== 'lookahead');
  const also: Pattern[] = [];
  const never: Pattern[] = [];
  parts.forEach((part, i) => {
    if (part.kind !== 'lookahead') return;
    const before = parts.slice(0, i).filter((each) => each.kind !== 'lookahead');
    // With a fixed place for it, "matches before it and what it says" is all that it means.
    if (before.length !== 1 || before[0]?.kind !== 'start') {
      throw new PatternProblem('it looks ahead elsewhere than right after ^ at its beginning');
    }
    const list = part.negated ? never : also;
    list.push(close(part.body, { left: false, right: true }));
  });
  return { pattern: close({ kind: 'sequence', parts: plain }, { left: true, right: true }), also, never };
}

function partsOf(parsed: ParsedPattern): readonly ParsedPattern[] {
  return parsed.kind === 'sequence' ? parsed.parts : [parsed];
}

function close(parsed: ParsedPattern, open: Open): Pattern {
  switch (parsed.kind) {
    case 'choice':
      return { kind: 'choice', options: parsed.options.map((option) => close(option, open)) };
    case 'sequence':
      return closeSequence(parsed.parts, open);
    case 'start':
    case 'end':
      return closeSequence([parsed], open);
    case 'lookahead':
      throw new PatternProblem('it looks ahead inside a group');
    case 'repeat': {
      const body = close(parsed.body, CLOSED);
      return around({ ...parsed, body }, open);
    }
    case 'set':
      return around(parsed, open);
  }
}

function around(pattern: Pattern, { left, right }: Open): Pattern {
  if (!left && !right) return pattern;
  return { kind: 'sequence', parts: [...(left ? [ANYTHING] : []), pattern, ...(right ? [ANYTHING] : [])] };
}

/** Anchors may stand at the ends only; a group at an end that is still open may have its own. */
function closeSequence(given: readonly ParsedPattern[], { left, right }: Open): Pattern {
  let first = 0;
  let last = given.length;
  while (given[first]?.kind === 'start') first++;
  while (last > first && given[last - 1]?.kind === 'end') last--;
  const openLeft = left && first === 0;
  const openRight = right && last === given.length;
  if ((first > 0 && !left) || (last < given.length && !right)) throw anchorProblem();
  const parts = given.slice(first, last);
  if (parts.length === 0) return openLeft || openRight ? ANYTHING : { kind: 'sequence', parts: [] };
  const closed = parts.map((part, i) => {
    if (part.kind === 'start' || part.kind === 'end') throw anchorProblem();
    return close(part, { left: openLeft && i === 0, right: openRight && i === parts.length - 1 });
  });
  return closed.length === 1 ? (closed[0] as Pattern) : { kind: 'sequence', parts: closed };
}

function anchorProblem(): PatternProblem {
  return new PatternProblem('it has an anchor (^ or $) elsewhere than at its ends');
}
