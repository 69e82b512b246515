interface Product {
  type: string;
  columns: number;
  rows: number;
}

export function workOf(report: {
  metadata: Record<string, unknown>;
  tensors: { name: string; type: string; ne: number[]; bytes: number }[];
}): {
  weightBytes: number;
  bytesPerStep(tokensBefore: number): number;
  bytesPerStepWithPictures(tokensBefore: number, pictures: number, tiles: number): number;
  promptOperations(tokens: number): number;
  pictureOperations(tiles: number): number;
  textProduct: Product;
  pictureProduct: Product;
  positions: number;
  maxTiles: number;
};
