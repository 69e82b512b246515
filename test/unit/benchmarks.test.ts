import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Report, reportSection, withResults } from '../../bench/result-tables.mjs';

const report: Report = {
  machine: { cpu: 'Some(R) CPU', cores: 16, memoryBytes: 2 ** 37, gpu: null, system: 'Linux x86_64' },
  versions: { torch: null, 'llama.cpp': '1.2.3' },
  run: { date: '2026-01-02', device: 'cpu', model: 'tiny', quick: false },
  results: [
    {
      ...{ name: 'decode', value: 123.456, unit: 'tokens/s', spread: 0.021 },
      ratios: { 'llama-bench': 1.0234 },
      peers: { 'llama-bench': { value: 120, spread: 0 } },
    },
    { name: 'memory', value: 5, unit: 'bytes', spread: 0, ratios: {}, peers: {} },
  ],
  targets: [
    { name: 'decode', limit: '>= 0.98', value: 1.0234, status: 'pass' },
    { name: 'image', limit: '<= 60 ms', value: null, status: 'not measured' },
  ],
};
const page = 'before\n<!-- results: made by bench/table.mjs -->\nold\n<!-- end of results -->\nafter\n';

describe('the table of results', () => {
  test('has a row for every result and every target, measured or not', () => {
    const lines = reportSection(report).split('\n');
    expect(lines).toContain('| decode | 123.5 tokens/s | 2 % | 1.023 × llama-bench |');
    expect(lines).toContain('| memory | 5 bytes |  |  |');
    expect(lines).toContain('| decode | >= 0.98 | 1.023 | pass |');
    expect(lines).toContain('| image | <= 60 ms |  | not measured |');
  });

  test('names the machine and the versions that are known', () => {
    const section = reportSection(report);
    expect(section).toContain('### Some CPU, 16 cores, 2026-01-02');
    expect(section).toContain('memory: 128 GiB');
    expect(section).toContain('llama.cpp 1.2.3');
    expect(section).not.toContain('torch');
  });

  test('calls a quick run what it is', () => {
    const warning = 'says nothing about speed';
    expect(reportSection(report)).not.toContain(warning);
    expect(reportSection({ ...report, run: { ...report.run, quick: true } })).toContain(warning);
  });

  test('says how far the rounds of a ratio are apart, and what was not measured', () => {
    const { targets: _targets, ...own } = report;
    const peers = { 'llama-bench': { value: 120, spread: 0, ratioSpread: 0.034 } };
    const [decode] = report.results;
    const results = [{ ...(decode as Report['results'][number]), peers }];
    const missing = [{ name: 'mistral.rs', reason: 'no wheel\nfor a|b' }];
    const section = reportSection({ ...own, run: { ...own.run, threads: 2, rounds: 5 }, results, missing });
    expect(section).toContain('| 1.023 × llama-bench (spread 3 %) |');
    expect(section).toContain('threads: 2; rounds: 5');
    expect(section).toContain('| mistral.rs | no wheel for a\\|b |');
    expect(section).not.toContain('target');
  });

  test('replaces what stands between its marks and nothing else', () => {
    const once = withResults(page, [report]);
    expect(once).toMatch(/^before\n/);
    expect(once).toMatch(/\nafter\n$/);
    expect(once).not.toContain('old');
    expect(withResults(once, [report])).toBe(once);
  });

  test('refuses a page without a place for it', () => {
    expect(() => withResults('nothing here', [report])).toThrow('no place for results');
  });

  test('of the documentation is that of the stored results', () => {
    const stored = readdirSync('bench/results')
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name): Report => JSON.parse(readFileSync(`bench/results/${name}`, 'utf8')));
    expect(stored.length).toBeGreaterThan(0);
    const documentation = readFileSync('docs/benchmarks.md', 'utf8');
    expect(withResults(documentation, stored)).toBe(documentation);
  });
});
