import { describe, expect, test } from 'vitest';
import { MAX_PAGES, selectPages } from '../../lib/document/page-range.js';
import { ImageLimitError, InvalidArgumentError } from '../../lib/errors.js';
import { patient } from '../support/patience.js';

describe('page ranges', () => {
  test.each([
    [undefined, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['1-3,5,8-', [1, 2, 3, 5, 8, 9]],
    ['-2', [1, 2]],
    [' 4 , 2 - 3 ', [2, 3, 4]],
    ['9-', [9]],
    ['5,5,4-6', [4, 5, 6]],
    ['007', [7]],
    [3, [3]],
    [
      [9, 1, 9],
      [1, 9],
    ],
  ])('%j of nine pages is %j', (range, pages) => {
    expect(selectPages(range, 9)).toEqual(pages);
  });

  test.each([
    ...['', ' ', ',', '1,', '-', '3-1', '1-2-3', 'a', '1.5', '1e3', '0x1', '+1', '１', 'all'],
    ...[1.5, NaN, Infinity, null, true, {}, [], ['1'], [1, undefined], [1.5], 2n, () => 1],
  ])('%s is refused', (range) => {
    expect(() => selectPages(range as never, 9)).toThrow(InvalidArgumentError);
    expect(() => selectPages(range as never, 9)).toThrow(/for pages but received/);
  });

  test.each([0, 10, -1, '0', '10', '8-10', '10-', '0-3', [1, 10]])(
    'a page that does not exist is refused: %j',
    (range) => {
      expect(() => selectPages(range, 9)).toThrow(/There is no page (0|10|-1): the document has pages 1 to 9/);
    },
  );

  test('a list with a hole is refused', () => {
    const holes = [1];
    holes[2] = 3;
    expect(() => selectPages(holes, 9)).toThrow(InvalidArgumentError);
  });

  test('a document that claims a billion pages costs nothing before it is refused', () => {
    const start = performance.now();
    expect(() => selectPages(undefined, 1e9)).toThrow(ImageLimitError);
    expect(() => selectPages('5-', 1e9)).toThrow(/option pages, e\.g\. "1-10000"/);
    expect(performance.now() - start).toBeLessThan(patient(100));
    expect(selectPages(`1-${MAX_PAGES}`, 1e9)).toHaveLength(MAX_PAGES);
  });
});
