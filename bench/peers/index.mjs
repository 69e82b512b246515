// The peers by name. Each is an object of a file of its own:
//
//   name       as results call it
//   prepare    installs or builds what it needs, and returns its version; throws where that cannot be done here
//   turns      by question: one turn, which returns a value for each repetition
import { llamaBatchedBench } from './llama-batched-bench.mjs';
import { llamaBench } from './llama-bench.mjs';
import { mistralRs } from './mistral-rs.mjs';
import { nodeLlamaCpp } from './node-llama-cpp.mjs';
import { transformers } from './transformers.mjs';

export const PEERS = [llamaBench, llamaBatchedBench, nodeLlamaCpp, transformers, mistralRs];
