/**
 * Regular languages as terms that can be combined with "and" and "not", and their derivatives: what may follow once a
 * character has been read (Brzozowski, "Derivatives of regular expressions", 1964). Equal terms are one object, so that
 * the derivatives of a language come to an end.
 */

import { type CharSet, complement, contains, intersect } from './char-set.js';
import { type Pattern, PatternProblem } from './pattern.js';

export interface Language {
  readonly id: number;
  /** Whether the empty text belongs to it. */
  readonly nullable: boolean;
  readonly term: Term;
}

type Term =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly first: Language; readonly rest: Language }
  | { readonly kind: 'or' | 'and'; readonly members: readonly Language[] }
  | { readonly kind: 'not'; readonly body: Language }
  | { readonly kind: 'repeat'; readonly body: Language; readonly min: number; readonly max: number };

/** Steps that one text may take: a term that is made, or a member of one that is looked at. */
const MAX_STEPS = 120_000;

export class Languages {
  readonly #terms = new Map<string, Language>();
  readonly #derivatives = new Map<string, Language>();
  readonly #setIds = new Map<string, number>();
  #steps = 0;
  /** Contains no text. */
  readonly never: Language;
  /** Contains the empty text alone. */
  readonly empty: Language;
  /** Contains every text. */
  readonly all: Language;

  constructor() {
    this.never = this.#make('or:', false, { kind: 'or', members: [] });
    this.empty = this.#make('empty', true, { kind: 'repeat', body: this.never, min: 0, max: 0 });
    this.all = this.not(this.never);
  }

  from(pattern: Pattern): Language {
    switch (pattern.kind) {
      case 'set':
        return this.set(pattern.set);
      case 'repeat':
        return this.repeat(this.from(pattern.body), pattern.min, pattern.max);
      case 'choice':
        return this.or(pattern.options.map((option) => this.from(option)));
      case 'sequence':
        return pattern.parts.reduceRight((rest, part) => this.sequence(this.from(part), rest), this.empty);
    }
  }

  set(set: CharSet): Language {
    if (set.length === 0) return this.never;
    const text = set.join(';');
    const id = this.#setIds.get(text) ?? this.#setIds.size;
    this.#setIds.set(text, id);
    return this.#make(`set:${id}`, false, { kind: 'set', set });
  }

  sequence(first: Language, rest: Language): Language {
    if (first === this.never || rest === this.never) return this.never;
    if (first === this.empty) return rest;
    if (rest === this.empty) return first;
    if (first.term.kind === 'sequence') return this.sequence(first.term.first, this.sequence(first.term.rest, rest));
    return this.#make(`sequence:${first.id},${rest.id}`, first.nullable && rest.nullable, {
      kind: 'sequence',
      first,
      rest,
    });
  }

  repeat(body: Language, min: number, max: number): Language {
    if (max === 0 || body === this.empty) return this.empty;
    if (body === this.never) return min === 0 ? this.empty : this.never;
    if (min === 1 && max === 1) return body;
    const least = body.nullable ? 0 : min;
    if (body.term.kind === 'repeat' && body.term.min === 0 && body.term.max === Number.POSITIVE_INFINITY) return body;
    return this.#make(`repeat:${body.id},${least},${max}`, least === 0, { kind: 'repeat', body, min: least, max });
  }

  or(given: readonly Language[]): Language {
    const members = this.#members('or', given, this.never);
    if (members.includes(this.all)) return this.all;
    const nullable = members.some((member) => member.nullable);
    return members.length === 1 ? (members[0] as Language) : this.#join('or', members, nullable);
  }

  and(given: readonly Language[]): Language {
    const members = this.#members('and', given, this.all);
    if (members.includes(this.never)) return this.never;
    if (members.length === 0) return this.all;
    const nullable = members.every((member) => member.nullable);
    return members.length === 1 ? (members[0] as Language) : this.#join('and', members, nullable);
  }

  not(body: Language): Language {
    if (body.term.kind === 'not') return body.term.body;
    return this.#make(`not:${body.id}`, !body.nullable, { kind: 'not', body });
  }

  /** What may follow after `char`. */
  derivative(language: Language, char: number): Language {
    const { term } = language;
    if (term.kind === 'set') return contains(term.set, char) ? this.empty : this.never;
    const key = `${language.id},${char}`;
    const known = this.#derivatives.get(key);
    if (known) return known;
    const result = this.#derive(term, char);
    this.#derivatives.set(key, result);
    return result;
  }

  #derive(term: Exclude<Term, { kind: 'set' }>, char: number): Language {
    switch (term.kind) {
      case 'sequence': {
        const through = this.sequence(this.derivative(term.first, char), term.rest);
        return term.first.nullable ? this.or([through, this.derivative(term.rest, char)]) : through;
      }
      case 'or':
        return this.or(term.members.map((member) => this.derivative(member, char)));
      case 'and':
        return this.and(term.members.map((member) => this.derivative(member, char)));
      case 'not':
        return this.not(this.derivative(term.body, char));
      case 'repeat':
        return this.sequence(
          this.derivative(term.body, char),
          this.repeat(term.body, Math.max(0, term.min - 1), term.max - 1),
        );
    }
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw new PatternProblem('it is too complex: write it simpler, or lower its counts');
  }

  /** Flat, each once, in the order of their ids, so that equal sets have equal keys. */
  #members(kind: 'or' | 'and', given: readonly Language[], neutral: Language): Language[] {
    const flat = given.flatMap((each) => (each.term.kind === kind ? each.term.members : [each]));
    this.#spend(flat.length);
    const members = [...new Set(flat)].filter((each) => each !== neutral);
    return members.sort((a, b) => a.id - b.id);
  }

  #join(kind: 'or' | 'and', members: readonly Language[], nullable: boolean): Language {
    return this.#make(`${kind}:${members.map((member) => member.id).join(',')}`, nullable, { kind, members });
  }

  #make(key: string, nullable: boolean, term: Term): Language {
    this.#spend(4);
    const known = this.#terms.get(key);
    if (known) return known;
    const language = { id: this.#terms.size, nullable, term };
    this.#terms.set(key, language);
    return language;
  }
}

/** Sorts all characters into classes that none of the sets tells apart. */
export function characterClasses(sets: readonly CharSet[]): CharSet[] {
  let classes: CharSet[] = [complement([])];
  for (const set of new Map(sets.map((each) => [each.join(';'), each])).values()) {
    const outside = complement(set);
    classes = classes
      .flatMap((each) => [intersect(each, set), intersect(each, outside)])
      .filter((each) => each.length > 0);
  }
  return classes;
}
