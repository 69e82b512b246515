// The largest resident set of this process so far, in bytes (VmHWM of Linux; elsewhere what getrusage says).
import { readFileSync } from 'node:fs';

export function peakBytes() {
  const peak = process.platform === 'linux' && /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return (peak ? Number(peak) : process.resourceUsage().maxRSS) * 1024;
}
