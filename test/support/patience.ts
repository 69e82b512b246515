/**
 * A limit of time, in whatever unit, times BLLOSSOM_SLOWNESS (default: 1): how many times slower than a processor an
 * emulator is.
 */
export const patient = (limit: number): number => limit * Number(process.env.BLLOSSOM_SLOWNESS ?? 1);
