import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { editDistance, rightCells, tableCells, UNITS } from '../../scripts/evaluate/distance.mjs';
import { Scores, scoreTable } from '../../scripts/evaluate/scores.mjs';
import { readSet } from '../../scripts/evaluate/sets.mjs';

describe('the distance of two texts', () => {
  test('counts insertions, deletions and replacements', () => {
    expect(editDistance([...'kitten'], [...'sitting'])).toBe(3);
    expect(editDistance([], [...'abc'])).toBe(3);
    expect(editDistance([...'abc'], [])).toBe(3);
    expect(editDistance([...'same'], [...'same'])).toBe(0);
  });

  test('takes a syllable for one character and for its letters', () => {
    const [given, truth] = ['한굴', '한글'];
    expect(editDistance(UNITS.characters(given), UNITS.characters(truth))).toBe(1);
    expect(UNITS.letters(truth)).toHaveLength(6);
    expect(editDistance(UNITS.letters(given), UNITS.letters(truth))).toBe(1);
    expect(UNITS.characters('한글')).toEqual(['한', '글']); // given as letters apart
  });

  test('takes what stands between blanks for words', () => {
    expect(UNITS.words('  빨간 사과\n세 개 ')).toEqual(['빨간', '사과', '세', '개']);
  });
});

describe('cells of a table', () => {
  const truth = '| 이름 | 값 |\n| --- | --- |\n| 사과 | 12 |';

  test('are read without the row of dashes and whatever stands around the table', () => {
    expect(tableCells(`행 1개\n\n${truth}\n끝`)).toEqual([
      ['이름', '값'],
      ['사과', '12'],
    ]);
  });

  test('are right where they stand at their place', () => {
    expect(rightCells(truth, truth)).toEqual({ right: 4, count: 4 });
    expect(rightCells('| 이름 | 값 |\n| --- | --- |\n| 12 | 사과 |', truth)).toEqual({ right: 2, count: 4 });
    expect(rightCells('no table', truth)).toEqual({ right: 0, count: 4 });
  });
});

describe('scores', () => {
  test('add up by group, and blanks around an answer do not count', () => {
    const scores = new Scores();
    scores.add(['all', 'ko'], ' 사과 \n', '사과');
    scores.add(['all'], 'appel pie', 'apple pie');
    const [all, ko] = scores.summary();
    expect(all).toMatchObject({ group: 'all', answers: 2, exact: 0.5, characterErrors: 2 / 11, wordErrors: 1 / 3 });
    expect(ko).toMatchObject({ group: 'ko', answers: 1, exact: 1, characterErrors: 0 });
    expect(ko).not.toHaveProperty('cells');
    expect(scoreTable(scores.summary())).toContain('| all | 2 | 50.0 % |');
  });
});

describe('a set', () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'bllossom-set-'));

  test('is read from its truth.jsonl', () => {
    const set = folder();
    const line = { file: 'a.png', prompt: 'How many?', answer: '3.', kind: 'shapes', question: 'count' };
    writeFileSync(join(set, 'truth.jsonl'), `${JSON.stringify({ ...line, language: 'en', ratio: '2x1' })}\n`);
    expect(readSet(set)).toEqual([
      {
        ...{ file: join(set, 'a.png'), prompt: 'How many?', task: undefined, answer: '3.' },
        groups: ['shapes: count', 'shapes (en)', 'shapes, tiles 2x1', 'tiles 2x1'],
      },
    ]);
  });

  test('is every picture beside which its text lies', () => {
    const set = folder();
    writeFileSync(join(set, 'scan.jpg'), '');
    writeFileSync(join(set, 'scan.txt'), '영수증');
    writeFileSync(join(set, 'alone.png'), '');
    expect(readSet(set)).toEqual([{ file: join(set, 'scan.jpg'), task: 'ocr', answer: '영수증', groups: ['ocr'] }]);
  });

  test('that knows no answer is refused', () => {
    const set = folder();
    writeFileSync(join(set, 'alone.png'), '');
    expect(() => readSet(set)).toThrow(/neither a truth.jsonl nor/);
  });
});
