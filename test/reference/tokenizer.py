"""A tiny byte-level BPE in the form of Llama 3's tokenizer, and the tokenizer files of a checkpoint folder."""

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

CORPUS = Path(__file__).with_name("corpus.txt")

# The split pattern of Llama 3 (mllama checkpoints carry it in tokenizer.json).
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

IMAGE = "<|image|>"
BOS = "<|begin_of_text|>"
EOS = "<|end_of_text|>"
PAD = "<|finetune_right_pad_id|>"
EOT = "<|eot_id|>"
SPECIALS = [BOS, EOS, PAD, "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", EOT, "<|python_tag|>"]

# Of the whole words among the tokens, one in so many loses its merge: only `ignore_merges` still gives it, so that the flag
# shows in the ids.
UNREACHABLE = 4

CHAT_TEMPLATE = """{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {%- if message['content'] is string %}
        {{- message['content'] }}
    {%- else %}
        {%- for item in message['content'] %}
            {%- if item['type'] == 'image' %}
                {{- '<|image|>' }}
            {%- elif item['type'] == 'text' %}
                {{- item['text'] }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""


def vocab_size(n_normal: int) -> int:
    """Rows of logits: every token string but the image token, which comes last."""
    return n_normal + len(SPECIALS)


def special_ids(n_normal: int) -> dict[str, int]:
    return {text: n_normal + i for i, text in enumerate([*SPECIALS, IMAGE])}


def train(n_normal: int, ignore_merges: bool) -> dict:
    """tokenizer.json as a dictionary: 256 byte tokens and learned merges (`n_normal` together), then the specials."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=n_normal, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS.read_text(encoding="utf-8").splitlines(), trainer)
    description = with_specials(tokenizer, n_normal)
    model = description["model"]
    if len(model["vocab"]) != n_normal:
        raise ValueError(f"the corpus gives {len(model['vocab'])} tokens, {n_normal} were asked for: enlarge the corpus")
    model["ignore_merges"] = ignore_merges
    model["merges"] = without_some_words(model["merges"])
    return description


def described(vocab: dict[str, int], merges: list[list[str]]) -> dict:
    """tokenizer.json as a dictionary, of tokens that are known: whole words of them are taken without merges."""
    tokenizer = Tokenizer(models.BPE(vocab, [tuple(pair) for pair in merges], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizer()
    return with_specials(tokenizer, len(vocab))


def pre_tokenizer() -> pre_tokenizers.Sequence:
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
    ])


def with_specials(tokenizer: Tokenizer, n_normal: int) -> dict:
    """Adds decoder, special tokens and the BOS that starts every text."""
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in [*SPECIALS, IMAGE]])
    bos = n_normal + SPECIALS.index(BOS)
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{BOS} $A", pair=f"{BOS} $A {BOS}:1 $B:1", special_tokens=[(BOS, bos)]),
    ])
    return json.loads(tokenizer.to_str())


def texts(n_normal: int, ignore_merges: bool) -> dict[int, str | None]:
    """What every normal token stands for; None where its bytes are not whole characters."""
    tokenizer = Tokenizer.from_str(json.dumps(train(n_normal, ignore_merges)))
    decoded = {i: tokenizer.decode([i], skip_special_tokens=False) for i in range(n_normal)}
    return {i: None if "\ufffd" in text else text for i, text in decoded.items()}


def without_some_words(merges: list[list[str]]) -> list[list[str]]:
    """Drops one in UNREACHABLE of the merges that make a word with its leading blank and that no other merge uses."""
    used = {part for pair in merges for part in pair}
    words = [i for i, pair in enumerate(merges) if pair[0].startswith("Ġ") and "".join(pair) not in used]
    dropped = set(words[::UNREACHABLE])
    return [pair for i, pair in enumerate(merges) if i not in dropped]


def write(folder: Path, description: dict, n_normal: int, template_file: str) -> None:
    """Writes the tokenizer files.

    description: tokenizer.json, as of `train` or `described`.
    template_file: where the chat template goes: `chat_template.json`, `chat_template.jinja` or `tokenizer_config.json`.
    """
    dump(folder / "tokenizer.json", description)
    config = {
        "added_tokens_decoder": {
            str(index): {
                "content": text, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                "special": True,
            }
            for text, index in special_ids(n_normal).items()
        },
        "bos_token": BOS,
        "clean_up_tokenization_spaces": False,
        "eos_token": EOT,
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 131072,
        "pad_token": PAD,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    if template_file == "tokenizer_config.json":
        config["chat_template"] = CHAT_TEMPLATE
    elif template_file == "chat_template.json":
        dump(folder / template_file, {"chat_template": CHAT_TEMPLATE})
    else:
        (folder / template_file).write_text(CHAT_TEMPLATE, encoding="utf-8")
    dump(folder / "tokenizer_config.json", config)
    special = {"content": None, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    tokens = {"bos_token": BOS, "eos_token": EOT, "pad_token": PAD}
    dump(folder / "special_tokens_map.json", {key: {**special, "content": text} for key, text in tokens.items()})


def dump(path: Path, value) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
