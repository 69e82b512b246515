"""The reference itself: Hugging Face transformers in F32 on the CPU, run on a checkpoint folder."""

from pathlib import Path

import torch
from PIL import Image, ImageOps
from transformers import GenerationConfig, MllamaForConditionalGeneration, PreTrainedTokenizerFast
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil
from transformers.models.mllama.processing_mllama import MllamaProcessor

STEPS = 64


class Reference:
    """A checkpoint folder loaded by transformers.

    intermediates: which state of a local vision layer i its index means. `entering`, the state the layer receives, is
    what Meta's code and transformers up to 4.53 do and what released weights were trained with. `leaving`, the layer's
    output, is what transformers 4.57 and later compute. Leaving i - 1 is entering i, so shifted indices give the
    former in the latter's code.
    """

    def __init__(self, folder: Path, intermediates: str = "entering"):
        self.model, info = MllamaForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
        self.model.eval()
        self.tie_head(info)
        vision = self.model.model.vision_model
        if intermediates == "entering":
            if min(vision.intermediate_layers_indices) < 1:
                raise ValueError("this transformers cannot give the state entering layer 0; use indices of 1 or more")
            vision.intermediate_layers_indices = [i - 1 for i in vision.intermediate_layers_indices]
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        self.processor = MllamaProcessor(
            image_processor=MllamaImageProcessorPil.from_pretrained(folder),
            tokenizer=self.tokenizer,
            chat_template=self.tokenizer.chat_template or read_template(folder),
        )

    def tie_head(self, info: dict) -> None:
        """transformers cannot tie a head of vocab_size rows to vocab_size + 8 embeddings: do it here."""
        missing, unexpected = set(info["missing_keys"]), set(info["unexpected_keys"])
        if missing - {"lm_head.weight"} or unexpected:
            raise ValueError(f"transformers did not take the checkpoint: missing {missing}, unexpected {unexpected}")
        if missing:
            text = self.model.config.get_text_config()
            if not text.tie_word_embeddings:
                raise ValueError("the checkpoint has no head and does not say that it is tied")
            embeddings = self.model.model.language_model.embed_tokens.weight
            self.model.lm_head.weight = torch.nn.Parameter(embeddings[: text.vocab_size].detach().clone())

    def chat(self, content: list[dict]) -> str:
        """The prompt of one user turn, by the checkpoint's own template."""
        messages = [{"role": "user", "content": content}]
        return self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)

    def inputs(self, prompt: str, images: list[Path]) -> dict[str, torch.Tensor]:
        """What the processor makes of a prompt: ids, pixels, ratio ids and masks, and the cross-attention mask."""
        pictures = [open_image(path) for path in images]
        options = {"text": prompt, "add_special_tokens": False, "return_tensors": "pt"}
        return dict(self.processor(images=pictures, **options) if pictures else self.processor(**options))

    @torch.no_grad()
    def image(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Vision features [4·P, vision_output_dim] and cross states [4·P, D] of the only image of `inputs`."""
        names = ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")
        features = self.model.model.vision_model(**{name: inputs[name] for name in names}).last_hidden_state
        states = self.model.model.multi_modal_projector(features)
        return {
            "vision_features": features.reshape(-1, features.shape[-1]),
            "cross_states": states.reshape(-1, states.shape[-1]),
        }

    @torch.no_grad()
    def logits(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits of every prompt position, [n_tokens, vocab_size]."""
        return self.model(**inputs).logits[0]

    @torch.no_grad()
    def greedy(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """STEPS tokens without a stop, and the logits each was chosen from: [STEPS], [STEPS, vocab_size]."""
        # A config without eos: the folder's own would end the run, and a minimum length would hide its logits.
        self.model.generation_config = GenerationConfig(pad_token_id=self.tokenizer.pad_token_id)
        out = self.model.generate(
            **inputs, do_sample=False, max_new_tokens=STEPS, output_logits=True, return_dict_in_generate=True
        )
        return out.sequences[0, -STEPS:], torch.cat(out.logits)


def open_image(path: Path) -> Image.Image:
    """A picture as a viewer shows it: EXIF orientation applied. Its mode is left to the processor."""
    return ImageOps.exif_transpose(Image.open(path))


def read_template(folder: Path) -> str:
    import json

    return json.loads((folder / "chat_template.json").read_text(encoding="utf-8"))["chat_template"]
