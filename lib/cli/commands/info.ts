import { cpus, freemem, totalmem } from 'node:os';
import type { Command } from 'commander';
import { type MemoryPlan, type ModelInfo, ModelManager, type SystemInfo } from '../../index.js';
import { type GgufReport, inspectGguf } from '../../inspect.js';
import { locateModel } from '../../model-path.js';
import { type GpuPackage, suggestGpuPackage } from '../../native/gpu-packages.js';
import { loadNativeAndPackages } from '../../native/load.js';
import { table } from '../columns.js';
import { withLoadedModel } from '../loading.js';
import { message } from '../messages.js';
import { configure, type ModelOptions, withModelOptions } from '../options.js';
import { describePlan } from '../plan-table.js';
import { printable, size } from '../printable.js';
import { untilStopped } from '../stopping.js';
import { VERSION } from '../version.js';

interface InfoOptions extends ModelOptions {
  load?: boolean;
  plan?: boolean;
  json?: boolean;
}

interface Info {
  version: string;
  node: string;
  platform: string;
  cpu: { name: string; threads: number };
  /** Bytes. */
  memory: { free: number; total: number };
  native: SystemInfo;
  /** Those that are installed. */
  gpuPackages: GpuPackage[];
  /** Null where none is set. */
  file: Omit<GgufReport, 'metadata' | 'arrayLengths' | 'tensors'> | null;
  /** Only with --plan. */
  plan?: MemoryPlan;
  /** Only with --load. */
  model?: ModelInfo;
}

/** `bllossom info` */
export function registerInfo(program: Command): void {
  const command = program
    .command('info')
    .description(message('info'))
    .option('--plan', message('infoPlan'))
    .option('--load', message('infoLoad'))
    .option('--json', message('infoJson'));
  withModelOptions(command).action((options) => untilStopped((signal) => info(options, signal)));
}

async function info(options: InfoOptions, signal: AbortSignal): Promise<void> {
  const facts = await collect(options, signal);
  console.log(options.json ? JSON.stringify(facts, null, 2) : describe(facts).map(printable).join('\n'));
}

async function collect(options: InfoOptions, signal: AbortSignal): Promise<Info> {
  const config = configure(options);
  // Without a word about a model the system alone is told; a model that was named must be there.
  const files = await locateModel(config).catch((error: unknown) => {
    if (options.load || options.plan || options.model !== undefined || config.model.path !== null) throw error;
    return null;
  });
  const [{ model: name = '' } = {}, { length: threads }] = [cpus()[0], cpus()];
  const { binding, gpuPackages } = loadNativeAndPackages();
  const facts: Info = {
    version: VERSION,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    cpu: { name: name.trim(), threads },
    memory: { free: freemem(), total: totalmem() },
    native: binding.systemInfo(),
    gpuPackages,
    file: files === null ? null : await summarize(files.path),
  };
  if (options.plan) facts.plan = await new ModelManager(config).planMemory();
  if (!options.load) return facts;
  const model = await withLoadedModel(config, { signal, quiet: options.json }, async ({ manager }) =>
    manager.getModelInfo(),
  );
  return { ...facts, model };
}

async function summarize(path: string): Promise<Info['file']> {
  const { metadata: _metadata, arrayLengths: _arrayLengths, tensors: _tensors, ...summary } = await inspectGguf(path);
  return summary;
}

function describe({ version, node, platform, cpu, memory, native, gpuPackages, file, plan, model }: Info): string[] {
  const rows: [string, string][] = [
    ['bllossom', version],
    ['llama.cpp', `${native.llamaVersion}, ggml ${native.ggmlVersion}`],
    ['Node.js', `${node}, ${platform}`],
    [message('infoCpu'), message('infoCpuValue', { name: cpu.name, count: cpu.threads })],
    [message('infoFeatures'), features(native.cpuFeatures)],
    [message('infoMemory'), free(memory.free, memory.total)],
    ...native.devices.map((device): [string, string] => [
      message('infoDevices'),
      `${device.name} (${device.type}): ${device.description}, ${free(device.memoryFree, device.memoryTotal)}`,
    ]),
    ...describePackages(native, gpuPackages).map((text): [string, string] => [message('infoGpuPackage'), text]),
    [message('infoModel'), file === null ? message('infoNoModel') : describeFile(file)],
    ...(model ? describeModel(model) : []),
  ];
  const [first = '', ...rest] = plan ? describePlan(plan) : [];
  return [...table(rows), ...(plan ? [`${message('infoPlanTitle')}: ${first}`, ...rest] : [])];
}

function describePackages(native: SystemInfo, installed: GpuPackage[]): string[] {
  const suggested = suggestGpuPackage(native, installed);
  if (suggested !== null) return [message('infoGpuPackageSuggested', { name: suggested, version: VERSION })];
  return installed.map(({ name, version, problem }) => {
    if (problem === null) return message('infoGpuPackageUsed', { name, version });
    return message('infoGpuPackageUnused', { name, version, problem });
  });
}

function describeFile({ path, architecture, name, fileBytes, parameters }: NonNullable<Info['file']>): string {
  const count = message('infoParameters', { count: parameters.toLocaleString('en') });
  return [path, architecture, ...(name ? [name] : []), size(fileBytes), count].join(', ');
}

function describeModel({
  device,
  quantization,
  architecture,
  ramAllocated,
  vramAllocated,
}: ModelInfo): [string, string][] {
  const takes = { ram: ramAllocated.toFixed(3), vram: vramAllocated.toFixed(3) };
  const rows: [string, string][] = [
    [message('infoLoaded'), `${device}, ${quantization}: ${message('infoLoadedValue', takes)}`],
  ];
  if (architecture === null) return rows;
  const { layers, crossLayers: cross, contextSize, contextTrain: trained, maxTiles: tiles, tileSize } = architecture;
  rows.push(
    [message('infoLayers'), message('infoLayersValue', { layers, cross })],
    [message('infoContext'), message('infoContextValue', { size: contextSize, trained })],
    [message('infoImages'), message('infoImagesValue', { tiles, size: tileSize })],
  );
  return rows;
}

/** "CPU : AVX2 = 1 | FMA = 1": AVX2, FMA */
function features(text: string): string {
  return text
    .replace(/^[^:|]*:/, '')
    .split('|')
    .map((feature) => feature.split('='))
    .filter(([, value]) => value?.trim() === '1')
    .map(([name = '']) => name.trim())
    .join(', ');
}

function free(bytes: number, total: number): string {
  return message('infoMemoryValue', { free: size(bytes), total: size(total) });
}
