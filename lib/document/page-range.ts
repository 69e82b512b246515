/** Which pages are meant: `"1-3,5,8-"`, a number, or a list of numbers; pages count from 1. */

import { fail, reading, show } from '../check.js';
import { ImageLimitError, InvalidArgumentError } from '../errors.js';

export type PageRange = string | number | readonly number[];

/** Pages that one call works on. */
export const MAX_PAGES = 10_000;

const WHAT = 'pages such as "1-3,5,8-", a number or an array of numbers';
const PART = /^(?:(?<single>\d{1,9})|(?<from>\d{1,9})?\s*-\s*(?<to>\d{1,9})?)$/;

/**
 * The pages in ascending order, each once.
 *
 * @param range undefined: all
 * @param total pages that there are
 * @throws InvalidArgumentError a malformed range, or a page that does not exist
 * @throws ImageLimitError more than {@link MAX_PAGES}
 */
export function selectPages(range: PageRange | undefined, total: number): number[] {
  const spans = range === undefined ? [span(1, total)] : parse(range, total);
  let count = 0;
  for (const { from, to } of spans) {
    checkPage(from, total);
    checkPage(to, total);
    count += to - from + 1;
    if (count > MAX_PAGES) {
      throw new ImageLimitError(
        `${count} pages are selected; the limit is ${MAX_PAGES}. Select fewer with the option pages, e.g. "1-${MAX_PAGES}".`,
      );
    }
  }
  const pages = new Set(spans.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i)));
  return [...pages].sort((a, b) => a - b);
}

interface Span {
  from: number;
  to: number;
}

const span = (from: number, to: number): Span => ({ from, to });

function parse(range: PageRange, total: number): Span[] {
  if (typeof range === 'number') return [single(range)];
  if (typeof range !== 'string') return list(range);
  return range.split(',').map((part) => {
    const groups = PART.exec(part.trim())?.groups;
    if (groups === undefined) fail('pages', WHAT, range);
    if (groups.single !== undefined) return single(Number(groups.single));
    if (groups.from === undefined && groups.to === undefined) fail('pages', WHAT, range);
    const [from, to] = [Number(groups.from ?? 1), Number(groups.to ?? total)];
    if (groups.to !== undefined && from > to) fail('pages', 'ranges that go up', range);
    return span(from, Math.max(from, to)); // "9-" of five pages: page 9 is what does not exist
  });
}

function list(pages: readonly number[]): Span[] {
  return reading('pages cannot be read', () => {
    if (!Array.isArray(pages) || pages.length === 0 || pages.length > MAX_PAGES) fail('pages', WHAT, pages);
    return Array.from(pages, single);
  });
}

function single(page: unknown): Span {
  if (typeof page !== 'number' || !Number.isSafeInteger(page)) fail('pages', WHAT, page);
  return span(page, page);
}

function checkPage(page: number, total: number): void {
  if (page >= 1 && page <= total) return;
  throw new InvalidArgumentError(`There is no page ${show(page)}: the document has pages 1 to ${total}`);
}
