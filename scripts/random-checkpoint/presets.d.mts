export interface Preset {
  name: string;
  tokenizer: 'llama3' | 'bytes';
  text: {
    width: number;
    inner: number;
    heads: number;
    kvHeads: number;
    crossLayers: number[];
    layers: number;
    /** The embedding is the head, too. */
    tied?: boolean;
  };
  vision: {
    width: number;
    inner: number;
    heads: number;
    layers: number;
    globalLayers: number;
    intermediates: number[];
    imageSize: number;
    patchSize: number;
  };
  shardBytes: number;
}

export const PRESETS: Record<'aica-5b' | 'small' | 'tiny', Preset>;
