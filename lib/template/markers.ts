/**
 * Keeps control tokens out of user text. A template glues its own text and the user's into one string, and the control
 * tokens are found in that string afterwards; so that `<|eot_id|>` typed by a user stays text, a marker character is
 * put behind every character of the user's text that could begin a control token, and is taken out again once the
 * string has been split. The marker does not occur in the input and is no white space, so that trimming sees the
 * text as it was.
 */

import type { NativePromptPart } from '../native/binding.js';

export interface Markers {
  /** Behind each character that could begin a control token. */
  guard: string;
  /** Where an image belongs, for templates that know no images. */
  image: string;
}

const PRIVATE_USE = { first: 0xe000, last: 0xf8ff };
const LONG_MARKER = 6;

/** Two texts of the private use area that occur nowhere in `texts`: one character each while there are free ones. */
export function chooseMarkers(texts: readonly string[]): Markers {
  const used = new Set<string>();
  for (const text of texts) for (const [character] of text.matchAll(/[\ue000-\uf8ff]/g)) used.add(character);
  const free: string[] = [];
  for (let code = PRIVATE_USE.first; code <= PRIVATE_USE.last && free.length < 2; code++) {
    const character = String.fromCharCode(code);
    if (!used.has(character)) free.push(character);
  }
  while (free.length < 2) {
    const marker = Array.from({ length: LONG_MARKER }, randomPrivate).join('');
    if (!texts.some((text) => text.includes(marker))) free.push(marker);
  }
  return { guard: free[0] as string, image: free[1] as string };
}

function randomPrivate(): string {
  const { first, last } = PRIVATE_USE;
  return String.fromCharCode(first + Math.floor(Math.random() * (last - first + 1)));
}

/** Finds and guards the control tokens of one vocabulary. */
export class ControlTokens {
  readonly #anyToken: RegExp | undefined;
  readonly #firstCharacter: RegExp | undefined;

  /** @param tokens texts of the control tokens */
  constructor(tokens: readonly string[]) {
    const longestFirst = [...new Set(tokens)].filter((text) => text !== '').sort((a, b) => b.length - a.length);
    if (longestFirst.length === 0) return;
    this.#anyToken = new RegExp(longestFirst.map(escapeForRegExp).join('|'), 'g');
    const first = new Set(longestFirst.map((text) => String.fromCodePoint(text.codePointAt(0) ?? 0)));
    this.#firstCharacter = new RegExp([...first].map(escapeForRegExp).join('|'), 'g');
  }

  guard(text: string, { guard }: Markers): string {
    return this.#firstCharacter ? text.replace(this.#firstCharacter, (character) => character + guard) : text;
  }

  /** Splits a rendered prompt: control tokens become `special`, what lies between two of them is one `text`. */
  split(rendered: string, markers: Markers, imageToken: string): NativePromptPart[] {
    const parts: NativePromptPart[] = [];
    const addText = (text: string) => {
      const clean = unguard(text, markers.guard);
      if (clean !== '') parts.push({ text: clean });
    };
    const withImages = rendered.split(markers.image);
    withImages.forEach((piece, i) => {
      if (i > 0) parts.push({ special: imageToken });
      let end = 0;
      for (const match of this.#anyToken ? piece.matchAll(this.#anyToken) : []) {
        addText(piece.slice(end, match.index));
        parts.push({ special: match[0] });
        end = match.index + match[0].length;
      }
      addText(piece.slice(end));
    });
    return parts;
  }
}

/** Takes the guards out, also where `tojson(ensure_ascii=true)` has written them as escapes. */
function unguard(text: string, guard: string): string {
  const escaped = [...guard].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  return text.replaceAll(guard, '').replaceAll(escaped, '');
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
