// Converts in a process of its own, so that its peak memory is that of the conversion alone.
//   node convert.mjs <checkpoint folder> <output.gguf> <type>
import { convertCheckpoint } from '../../dist/index.js';
import { peakBytes } from './peak.mjs';

const [source, output, type] = process.argv.slice(2);
const { seconds } = await convertCheckpoint({ source, output, type });
console.log(JSON.stringify({ seconds, peakBytes: peakBytes() }));
