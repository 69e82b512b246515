/** What renders PDF files is installed by those who need it; this is the only door to it. */

import { createRequire } from 'node:module';
import path from 'node:path';

import { InvalidArgumentError } from '../errors.js';

export type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist';
export type Pdfjs = typeof import('pdfjs-dist');
export type PDFOperatorList = Awaited<ReturnType<import('pdfjs-dist').PDFPageProxy['getOperatorList']>>;
export type CanvasModule = typeof import('@napi-rs/canvas');

export interface PdfPeers {
  pdfjs: Pdfjs;
  /** The copy that pdfjs itself draws with. */
  canvas: CanvasModule;
  /** Folder of pdfjs-dist, which holds its character maps, standard fonts and decoders. */
  folder: string;
}

const require = createRequire(import.meta.url);
const { peerDependencies } = require('../../package.json') as { peerDependencies: Record<string, string> };
const RENDERERS = ['pdfjs-dist', '@napi-rs/canvas'];
const FONT = '@expo-google-fonts/noto-sans-kr';

/** The command that installs optional peers, in the versions that this package was tested with. */
function installCommand(names: string[]): string {
  return `npm install ${names.map((name) => `${name}@${peerDependencies[name]}`).join(' ')}`;
}

export const INSTALL_FONT = installCommand([FONT]);

/** @throws InvalidArgumentError that names the command, when a package is not installed */
export async function loadPdfPeers(): Promise<PdfPeers> {
  try {
    const manifest = require.resolve('pdfjs-dist/package.json');
    const pdfjs = (await import('pdfjs-dist/legacy/build/pdf.mjs')) as Pdfjs;
    const canvas = createRequire(manifest)('@napi-rs/canvas') as CanvasModule;
    return { pdfjs, canvas, folder: path.dirname(manifest) };
  } catch (cause) {
    throw new InvalidArgumentError(
      `PDF files need two more packages: run "${installCommand(RENDERERS)}" (${(cause as Error).message.split('\n')[0]})`,
      { cause },
    );
  }
}

/** The Korean font of the optional font package, where it is installed. */
export function packagedFont(): string | undefined {
  try {
    return require.resolve(`${FONT}/400Regular/NotoSansKR_400Regular.ttf`);
  } catch {
    return undefined;
  }
}
