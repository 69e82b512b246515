/** Blobs of a golden checkpoint on the disk: as plain files, or in a folder like Ollama's. */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Golden, readGoldenFolder } from '../../scripts/parity/golden-folder.mjs';
import { ROOT, temporaryFolder } from './model.js';
import { type BlobVariant, makeBlobs } from './ollama-blobs.js';

export const golden = (name: string): Golden => readGoldenFolder(join(ROOT, 'test', 'fixtures', 'goldens', name));

let count = 0;

/** A name in the temporary folder that nobody has. */
export function freshPath(name: string): string {
  return join(temporaryFolder(), `${process.pid}-${count++}-${name}`);
}

/** Writes the files of a variant; no projector: "". */
export function writeBlobs(name: string, variant: BlobVariant): { path: string; projectorPath: string } {
  const { model, projector } = makeBlobs(golden(name).checkpoint, variant);
  const path = freshPath(`${name}.gguf`);
  writeFileSync(path, model);
  if (projector === undefined) return { path, projectorPath: '' };
  writeFileSync(`${path}.projector`, projector);
  return { path, projectorPath: `${path}.projector` };
}

export interface Layer {
  mediaType: string;
  digest: string;
  size: number;
}

/** A folder like `~/.ollama/models`. */
export class OllamaFolder {
  readonly root = freshPath('ollama');

  /** Stores a blob and returns its layer. */
  blob(kind: string, content: Buffer | string): Layer {
    const bytes = Buffer.from(content);
    const sum = createHash('sha256').update(bytes).digest('hex');
    this.#write(join('blobs', `sha256-${sum}`), bytes);
    return { mediaType: `application/vnd.ollama.image.${kind}`, digest: `sha256:${sum}`, size: bytes.length };
  }

  /** place: host/namespace/model/tag */
  manifest(place: string, manifest: unknown): void {
    this.#write(join('manifests', place), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  }

  /** A whole model, as a pull leaves it. */
  model(place: string, name: string, variant: BlobVariant): void {
    const { model, projector } = makeBlobs(golden(name).checkpoint, variant);
    const layers = [
      this.blob('model', model),
      ...(projector === undefined ? [] : [this.blob('projector', projector)]),
      this.blob('template', '{{- range .Messages }}<|start_header_id|>{{ .Role }}{{ end }}'),
      this.blob('license', 'a licence'),
      this.blob('params', '{"temperature":0.6,"top_p":0.9}'),
    ];
    const config = { ...this.blob('config', '{}'), mediaType: 'application/vnd.docker.container.image.v1+json' };
    const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
    this.manifest(place, { schemaVersion: 2, mediaType, config, layers });
  }

  #write(place: string, content: Buffer | string): void {
    const path = join(this.root, place);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}
