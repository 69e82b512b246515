// What a model has to read and to compute, from the header of its file (docs/gguf.md).

const elements = ({ ne }) => ne.reduce((product, n) => product * n, 1);
const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);

/**
 * @param {{ metadata: Record<string, any>, tensors: { name: string, type: string, ne: number[], bytes: number }[] }} report
 * of `inspectGguf`
 */
export function workOf({ metadata, tensors }) {
  const cross = new Set(metadata['mllama.attention.cross_attention_layers']);
  const layerOf = ({ name }) => Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1);
  const isMatrix = ({ ne }) => ne.length > 1 && ne[1] > 1;
  const inSelf = tensors.filter((tensor) => layerOf(tensor) >= 0 && !cross.has(layerOf(tensor)));
  const inCross = tensors.filter((tensor) => cross.has(layerOf(tensor)));
  const named = (name) => tensors.find((tensor) => tensor.name === name);
  const head = named('output.weight') ?? named('token_embd.weight');
  const isImageSide = ({ name }) => /cross_attn_k|cross_attn_v/.test(name); // computed once for a picture, then kept

  const text = sum([...inSelf, head, named('output_norm.weight')].map(({ bytes }) => bytes));
  const crossLayers = sum(inCross.filter((tensor) => !isImageSide(tensor)).map(({ bytes }) => bytes));
  const key = (name) => metadata[`mllama.${name}`];
  // A key and a value in F16, which is what is measured.
  const cell = 4 * (key('embedding_length') / key('attention.head_count')) * key('attention.head_count_kv');
  const nSelf = key('block_count') - cross.size;
  const positions = Math.floor(key('vision.image_size') / key('vision.patch_size')) ** 2 + 1;

  return {
    weightBytes: sum(tensors.map(({ bytes }) => bytes)),
    /** Bytes of weights and caches that a step of one stream reads, with so many tokens before it. */
    bytesPerStep: (tokensBefore) => text + nSelf * cell * tokensBefore,
    /** The same with pictures of so many tiles in sight: the cross layers are computed, and read what is kept. */
    bytesPerStepWithPictures: (tokensBefore, pictures, tiles) =>
      text + pictures * nSelf * cell * tokensBefore + crossLayers + pictures * cross.size * cell * positions * tiles,
    /** Operations of the products of matrices for a prompt of text: its last token alone gets to the head. */
    promptOperations: (tokens) => 2 * (tokens * sum(inSelf.filter(isMatrix).map(elements)) + elements(head)),
    /** Operations for a picture, of the tiles that are shown and no others: tower, projector, keys and values. */
    pictureOperations: (tiles) => {
      const rows = tiles * positions;
      const [width, channels] = [key('vision.embedding_length'), key('vision.num_channels')];
      const layers = key('vision.block_count') + key('vision.global.block_count');
      const matrices = tensors.filter(({ name, ne }) => ne.length === 2 && /^(v\.(global\.)?blk\.|mm\.)/.test(name));
      const perRow = sum([...matrices, ...inCross.filter(isImageSide).filter(isMatrix)].map(elements));
      return 2 * rows * (perRow + channels * key('vision.patch_size') ** 2 * width) + 4 * rows ** 2 * width * layers;
    },
    /** A product like the largest of the text model, and one like the largest of the tower. */
    textProduct: productOf(inSelf, '.ffn_up.weight'),
    pictureProduct: productOf(tensors, 'v.blk.0.ffn_up.weight'),
    positions,
    maxTiles: key('vision.max_num_tiles'),
  };
}

function productOf(tensors, ending) {
  const { type, ne } = tensors.find(({ name }) => name.endsWith(ending));
  return { type, columns: ne[0], rows: ne[1] };
}
