import type { Command } from 'commander';
import { type GgufReport, inspectGguf } from '../../inspect.js';
import type { MemoryEstimate } from '../../memory-estimate.js';
import type { MetadataValue } from '../../native/binding.js';
import { table } from '../columns.js';
import { message } from '../messages.js';
import { printable, size } from '../printable.js';

/** `bllossom inspect <file>` */
export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .description(message('inspect'))
    .argument('<file>', message('inspectFile'))
    .option('--json', message('inspectJson'))
    .action(async (file: string, options: { json?: boolean }) => {
      const report = await inspectGguf(file);
      console.log(options.json ? toJson(report) : describe(report).map(printable).join('\n'));
    });
}

/** JSON has no 64-bit integers: those become strings. */
function toJson(report: GgufReport): string {
  return JSON.stringify(report, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2);
}

function describe(report: GgufReport): string[] {
  const { memory, parameters, tensors } = report;
  const facts = { size: size(report.fileBytes), parameters: parameters.toLocaleString('en'), tensors: tensors.length };
  return [
    `${report.path}: ${report.architecture}, GGUF ${report.version}${report.name ? `, ${report.name}` : ''}`,
    ...table([[message('inspectSize'), message('inspectSizeValue', facts)]], 11),
    ...report.types.map(({ type, tensors, bytes }) => {
      const columns = { type: type.padEnd(10), tensors: String(tensors).padStart(5), size: size(bytes).padStart(12) };
      return `  ${message('inspectType', columns)}`;
    }),
    ...(memory === undefined ? [] : [message('inspectMemory'), ...describeMemory(memory).map((row) => `  ${row}`)]),
    message('inspectMetadata'),
    ...Object.entries(report.metadata).map(([key, value]) => `  ${key} = ${show(value, report.arrayLengths[key])}`),
  ];
}

function describeMemory(memory: MemoryEstimate): string[] {
  const rows: [string, number][] = [
    [message('inspectWeights'), memory.weights],
    [message('inspectSelfCache', { count: '1,000' }), memory.selfCachePer1000Tokens],
    [message('inspectSelfCache', { count: '8,192' }), memory.selfCacheAt8192],
    [message('inspectCrossCache'), memory.crossCachePerImage],
    [message('inspectScratch'), memory.scratch],
    [message('inspectTotal'), memory.total],
  ];
  return table(rows.map(([title, bytes]) => [title, size(bytes).padStart(12)] as const));
}

/** A value on one line, cut where it is long. */
function show(value: MetadataValue, length: number | undefined): string {
  const one = (item: MetadataValue) => (typeof item === 'string' ? JSON.stringify(item) : String(item));
  const text = Array.isArray(value) ? `[${value.slice(0, 8).map(one).join(', ')}` : one(value);
  const count = Array.isArray(value) ? (length ?? value.length) : 0;
  const end = Array.isArray(value) ? (count > 8 ? `, …] (${count})` : ']') : '';
  return `${text.length > 100 ? `${text.slice(0, 100)}…` : text}${end}`;
}
