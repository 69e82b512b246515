/**
 * What configuration files of people hold besides the exact value: quoted numbers, the booleans of YAML 1.1, types as
 * PyTorch writes them. What is not recognised passes as it is, and is then refused by the check of its key.
 */

const NUMBER = /^[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** `"256"`, `'1e-1'` and `1_000` (a number to Python's parser) are the numbers that they spell. */
export function readNumber(value: unknown): unknown {
  if (typeof value !== 'string' || !NUMBER.test(value.trim())) return value;
  return Number(value.replaceAll('_', ''));
}

const FLAGS = new Map([
  ...['true', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', 'no', 'off'].map((word) => [word, false] as const),
]);

/** `yes`, `on`, `no` and `off` are booleans in YAML 1.1, which Python's parser reads; quoted ones are taken as well. */
export function readFlag(value: unknown): unknown {
  return typeof value === 'string' ? (FLAGS.get(value.trim().toLowerCase()) ?? value) : value;
}

const DTYPES = new Map([
  ['bf16', 'bfloat16'],
  ['half', 'float16'],
  ['fp16', 'float16'],
  ['float', 'float32'],
  ['fp32', 'float32'],
]);

/** `torch.bfloat16` and the short names of PyTorch's types. */
export function readDtype(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const name = value.trim().replace(/^torch\./, '');
  return DTYPES.get(name) ?? name;
}

const PLACEMENTS = ['none', 'balanced', 'balanced_low_0', 'sequential'];

/** Accelerate's ways to spread a model over devices: here one device computes, so that they mean "auto". */
export function readDeviceMap(value: unknown): unknown {
  return typeof value === 'string' && PLACEMENTS.includes(value.trim().toLowerCase()) ? 'auto' : value;
}
