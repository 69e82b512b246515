// Subjects: a checkpoint whose files come from the caller.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export function checkpointFilesSubjects({ api, files }) {
  const all = {};
  const { checkpoint } = files;
  const open = (name) => {
    const bytes = readFileSync(join(checkpoint, name));
    return { size: bytes.length, read: async (at, length) => bytes.subarray(at, at + length), close: async () => {} };
  };
  const source = () => ({
    location: checkpoint,
    list: async () => readdirSync(checkpoint),
    readText: async (name) => readFileSync(join(checkpoint, name), 'utf8'),
    open: async (name) => open(name),
  });
  const convert = (from) => api.convertCheckpoint({ source: from, output: 'converted.gguf', type: 'F16', threads: 1 });
  all['convertCheckpoint (files of the caller)'] = { args: () => [source()], call: convert };
  all['convertCheckpoint (what files of the caller give)'] = {
    inside: true,
    args: () => [{ names: undefined, text: undefined, first: undefined, bytes: undefined }],
    call: (given) =>
      convert({
        ...source(),
        list: async () => (given.names === undefined ? source().list() : given.names),
        readText: async (name) => (given.text === undefined ? source().readText(name) : given.text),
        open: async (name) => {
          const read = async (at, length) => (given.bytes === undefined ? open(name).read(at, length) : given.bytes);
          return given.first === undefined ? { ...open(name), read } : given.first;
        },
      }),
    waits: true,
  };
  return all;
}
