/**
 * Fonts for text whose own font is not in the PDF. Many Korean documents only name theirs (Batang, HYSMyeongJo-Medium);
 * what stands in for it must have every character, or the model would be shown boxes. The canvas does not look further
 * by itself, so families are added until all is covered.
 */

import path from 'node:path';

import { InvalidArgumentError } from '../errors.js';
import type { CanvasModule } from './optional-peer.js';

/** Drawn by no font: what it looks like is what a missing character looks like. */
const NO_CHARACTER = '\u{10FFFD}';
const INVISIBLE = /^[\s\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Z}]*$/u;
/** Families tried before the others. */
const KOREAN =
  /nanum|\bkr\b|malgun|batang|gulim|dotum|gungsuh|apple ?sd|apple ?gothic|pretendard|korean|hcr|함초롬|바탕|돋움|고딕|명조/iu;
const PROBE = 32;
/** Characters by which a family is judged; looking at all with hundreds of families would take seconds. */
const SAMPLE = 64;

export class SubstituteFonts {
  readonly #canvas: CanvasModule;
  readonly #candidates: string[];
  /** Chosen families, in the order in which they are asked for a character. */
  readonly #families: string[] = [];
  readonly #probe: ReturnType<InstanceType<CanvasModule['Canvas']>['getContext']>;
  /** By family and character. */
  readonly #drawn = new Map<string, boolean>();
  /** What each family draws for a character that it does not have. */
  readonly #absent = new Map<string, Buffer>();

  /** @param files the caller's fonts first. @throws InvalidArgumentError for a file that is no font */
  constructor(canvas: CanvasModule, files: readonly string[]) {
    this.#canvas = canvas;
    this.#probe = canvas.createCanvas(PROBE, PROBE).getContext('2d');
    const own = files.map((file) => register(canvas, file));
    const installed = canvas.GlobalFonts.families.map(({ family }) => family).filter((family) => !own.includes(family));
    const korean = installed.filter((family) => KOREAN.test(family));
    this.#candidates = [...new Set([...own, ...korean, ...installed])];
  }

  /**
   * Chooses families for characters. Returns those that no family draws.
   *
   * @param name what the document calls the font; it is used where it is installed
   */
  cover(characters: Iterable<string>, name: string): string[] {
    let missing = [...new Set(characters)].filter((character) => !INVISIBLE.test(character));
    if (this.#canvas.GlobalFonts.has(name)) missing = missing.filter((character) => !this.#draws(name, character));
    for (const family of this.#families) missing = missing.filter((character) => !this.#draws(family, character));
    for (const family of this.#candidates) {
      if (missing.length === 0) break;
      if (this.#families.includes(family)) continue;
      if (!missing.slice(0, SAMPLE).some((character) => this.#draws(family, character))) continue;
      this.#families.push(family);
      missing = missing.filter((character) => !this.#draws(family, character));
    }
    return missing;
  }

  /** A CSS font with the chosen families before its generic one. */
  css(font: string): string {
    const generic = font.lastIndexOf(',');
    if (this.#families.length === 0 || generic < 0) return font;
    const families = this.#families.map((family) => JSON.stringify(family)).join(', ');
    return `${font.slice(0, generic)}, ${families}${font.slice(generic)}`;
  }

  #draws(family: string, character: string): boolean {
    const key = `${family}\n${character}`;
    const known = this.#drawn.get(key);
    if (known !== undefined) return known;
    const absent = this.#absent.get(family) ?? this.#pixels(family, NO_CHARACTER);
    this.#absent.set(family, absent);
    const draws = !this.#pixels(family, character).equals(absent);
    this.#drawn.set(key, draws);
    return draws;
  }

  #pixels(family: string, character: string): Buffer {
    const context = this.#probe;
    context.clearRect(0, 0, PROBE, PROBE);
    context.font = `${PROBE / 2}px ${JSON.stringify(family)}`;
    context.fillText(character, PROBE / 4, (PROBE * 3) / 4);
    return Buffer.from(context.getImageData(0, 0, PROBE, PROBE).data.buffer);
  }
}

/** A family of its own for each file. */
function register({ GlobalFonts }: CanvasModule, file: string): string {
  const family = `substitute ${path.resolve(file)}`;
  if (!GlobalFonts.has(family) && GlobalFonts.registerFromPath(file, family) === null) {
    throw new InvalidArgumentError(`The file ${file} in the option fonts is not a font: pass TTF, OTF, TTC or WOFF2`);
  }
  return family;
}
