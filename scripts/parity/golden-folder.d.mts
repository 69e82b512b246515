export interface Golden {
  name: string;
  checkpoint: string;
  cases: { name: string; row_mode: string; input_ids: number[]; images: string[] }[];
}

export function readGoldenFolder(folder: string): Golden;
