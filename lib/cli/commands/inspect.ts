import type { Command } from 'commander';
import { type GgufReport, inspectGguf } from '../../inspect.js';
import type { MetadataValue } from '../../native/binding.js';
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
  const { memory } = report;
  return [
    `${report.path}: ${report.architecture}, GGUF ${report.version}${report.name ? `, ${report.name}` : ''}`,
    `size         ${size(report.fileBytes)}, ${report.parameters.toLocaleString('en')} parameters, ${report.tensors.length} tensors`,
    ...report.types.map(
      ({ type, tensors, bytes }) =>
        `  ${type.padEnd(10)} ${String(tensors).padStart(5)} tensors ${size(bytes).padStart(12)}`,
    ),
    ...(memory === undefined
      ? []
      : [
          'memory',
          `  weights                      ${size(memory.weights).padStart(12)}`,
          `  self cache, 1,000 tokens     ${size(memory.selfCachePer1000Tokens).padStart(12)}`,
          `  self cache, 8,192 tokens     ${size(memory.selfCacheAt8192).padStart(12)}`,
          `  cross cache, one image       ${size(memory.crossCachePerImage).padStart(12)}`,
        ]),
    'metadata',
    ...Object.entries(report.metadata).map(([key, value]) => `  ${key} = ${show(value, report.arrayLengths[key])}`),
  ];
}

/** A value on one line, cut where it is long. */
function show(value: MetadataValue, length: number | undefined): string {
  const one = (item: MetadataValue) => (typeof item === 'string' ? JSON.stringify(item) : String(item));
  const text = Array.isArray(value) ? `[${value.slice(0, 8).map(one).join(', ')}` : one(value);
  const count = Array.isArray(value) ? (length ?? value.length) : 0;
  const end = Array.isArray(value) ? (count > 8 ? `, …] (${count})` : ']') : '';
  return `${text.length > 100 ? `${text.slice(0, 100)}…` : text}${end}`;
}
