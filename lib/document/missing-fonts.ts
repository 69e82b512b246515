/** The text of a page whose font is not in the PDF, found in what pdfjs is about to draw. */

import type { PDFOperatorList, Pdfjs } from './optional-peer.js';

/** What pdfjs tells of a font. */
export interface PdfFont {
  /** The file does not hold the font. */
  missingFile: boolean;
  name: string;
  /** The family that pdfjs asks the canvas for. */
  loadedName: string;
  composite?: boolean;
  toUnicode?: object;
}

interface PdfGlyph {
  fontChar: string;
  originalCharCode: number;
}

export interface MissingText {
  font: PdfFont;
  characters: Set<string>;
  /** Some codes are numbers of glyphs of the font that is not there: nothing says which characters they are. */
  isUnknown: boolean;
}

type FontOf = (name: string) => PdfFont | undefined;

/** @param fontOf looks a font up by the name that the operators give it */
export function missingText({ fnArray, argsArray }: PDFOperatorList, OPS: Pdfjs['OPS'], fontOf: FontOf): MissingText[] {
  const saving = new Set([OPS.save, OPS.paintFormXObjectBegin, OPS.beginGroup, OPS.beginAnnotation]);
  const restoring = new Set([OPS.restore, OPS.paintFormXObjectEnd, OPS.endGroup, OPS.endAnnotation]);
  const found = new Map<PdfFont, MissingText>();
  const saved: (PdfFont | undefined)[] = [];
  let font: PdfFont | undefined;
  fnArray.forEach((operation, i) => {
    const [argument] = argsArray[i] ?? [];
    if (saving.has(operation)) saved.push(font);
    else if (restoring.has(operation)) font = saved.pop();
    else if (operation === OPS.setFont) font = fontOf(argument);
    else if (operation === OPS.setGState) font = fontOfState(argument, fontOf) ?? font;
    else if (operation === OPS.showText && font?.missingFile) {
      const text = found.get(font) ?? { font, characters: new Set(), isUnknown: false };
      found.set(font, text);
      note(text, argument);
    }
  });
  return [...found.values()];
}

/** A graphics state is a list of keys with their values; that of "Font" is its name and size. */
function fontOfState(state: [key: string, value: unknown][], fontOf: FontOf): PdfFont | undefined {
  const value = state.find(([key]) => key === 'Font')?.[1] as [name: string, size: number] | undefined;
  return value && fontOf(value[0]);
}

function note(text: MissingText, glyphs: (PdfGlyph | number | null)[]): void {
  const { composite, toUnicode = {} } = text.font;
  // pdfjs takes codes that it knows nothing about for Unicode, in a map that has only bounds.
  const isGuessed = composite === true && 'firstChar' in toUnicode;
  for (const glyph of glyphs) {
    if (typeof glyph !== 'object' || glyph === null) continue; // a space between letters
    const { fontChar, originalCharCode } = glyph;
    text.characters.add(fontChar);
    if (isGuessed && fontChar.codePointAt(0) === originalCharCode) text.isUnknown = true;
  }
}
