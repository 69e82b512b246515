/** Which device a configuration means. */

import { show } from './check.js';
import type { ConfigSections } from './config-schema.js';
import { InvalidArgumentError } from './errors.js';
import type { NativeDevice } from './native/binding.js';

/**
 * The name for the engine: "auto", "cpu", "cuda" or a device's own.
 *
 * @param visible `CUDA_VISIBLE_DEVICES`: GPUs are numbered as on the whole machine, the engine counts what is visible
 * @throws InvalidArgumentError when there are GPUs, but not `hardware.targetGpu`
 */
export function pickDevice(
  { model, hardware }: Pick<ConfigSections, 'model' | 'hardware'>,
  devices: readonly NativeDevice[],
  visible: string | undefined = process.env.CUDA_VISIBLE_DEVICES,
): string {
  const { deviceMap } = model;
  const { targetGpu } = hardware;
  if (deviceMap !== 'auto') return deviceMap.replace(/^(\w+):(\d+)$/, '$1$2'); // PyTorch's "cuda:1" is ggml's "CUDA1"
  const gpus = devices.filter(({ type }) => type === 'gpu');
  if (targetGpu === null || gpus.length === 0) return 'auto';
  const number = gpuNumber(targetGpu);
  const found = number === undefined ? findByName(gpus, String(targetGpu)) : gpus[placeAmong(number, visible)];
  if (found) return found.name;
  const there = gpus.map(({ name, description }) => `${name} (${description})`).join(', ');
  const shown = visible ? `, with CUDA_VISIBLE_DEVICES=${visible}` : '';
  throw new InvalidArgumentError(
    `There is no GPU ${show(targetGpu)}, as hardware.targetGpu asks; there are ${there}${shown}. Name one of them, or null`,
  );
}

/** The number that `targetGpu` is; undefined when it is null or a name, such as "4090". */
export function gpuNumber(targetGpu: string | number | null): number | undefined {
  if (typeof targetGpu === 'number') return targetGpu;
  return targetGpu !== null && /^\d{1,3}$/.test(targetGpu.trim()) ? Number(targetGpu) : undefined;
}

function findByName(gpus: readonly NativeDevice[], name: string): NativeDevice | undefined {
  const wanted = name.trim().toLowerCase();
  return (
    gpus.find((gpu) => gpu.name.toLowerCase() === wanted) ??
    gpus.find((gpu) => gpu.description.toLowerCase().includes(wanted))
  );
}

/** -1 when it is hidden. A list of other names than numbers says nothing about numbers. */
function placeAmong(number: number, visible: string | undefined): number {
  const numbers = visible?.split(',').map((part) => part.trim());
  if (!numbers?.every((part) => /^\d+$/.test(part))) return number;
  return numbers.map(Number).indexOf(number);
}
