#include "session-index.h"

#include "checksum.h"
#include "error.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace bllossom {

namespace {

constexpr char key_type[]          = "general.type";
constexpr char key_version[]       = "session.version";
constexpr char key_model[]         = "session.model";
constexpr char key_model_name[]    = "session.model_name";
constexpr char key_cache_type[]    = "session.cache_type";
constexpr char key_row_mode[]      = "session.row_mode";
constexpr char key_parents[]       = "session.prompt.parents";
constexpr char key_shared[]        = "session.prompt.shared_rows";
constexpr char key_own[]           = "session.prompt.own_rows";
constexpr char key_image_counts[]  = "session.prompt.image_counts";
constexpr char key_prompt_images[] = "session.prompt.images";
constexpr char key_tokens[]        = "session.tokens";
constexpr char key_images[]        = "session.images";
constexpr char key_checksums[]     = "session.checksums";
constexpr char key_checksum[]      = "session.checksum";

constexpr char type_session[] = "session";
constexpr uint32_t version    = 1;

/** The index as it lies in a file. */
struct stored_index {
    std::vector<int32_t> parents, shared, own, image_counts; // [n_prompts]
    std::vector<std::string> prompt_images;                  // of the first prompt, of the second, …
    std::vector<int32_t> tokens;                             // of own rows, likewise
    std::vector<std::string> images;
    std::vector<std::string> checksums;
};

const char * row_mode_name(row_mode mode) {
    return mode == row_mode::hf ? "hf" : "meta";
}

std::string checksum_of(const stored_index & stored) {
    checksum sum;
    for (const auto * numbers : {&stored.parents, &stored.shared, &stored.own, &stored.image_counts, &stored.tokens}) {
        sum.add(numbers->data(), numbers->size() * sizeof(int32_t));
    }
    for (const auto * texts : {&stored.prompt_images, &stored.images, &stored.checksums}) {
        const size_t n_texts = texts->size();
        sum.add(&n_texts, sizeof(n_texts));
        for (const std::string & text : *texts) {
            sum.add(text);
        }
    }
    return sum.text();
}

stored_index to_stored(const session_index & index) {
    stored_index stored;
    for (const session_prompt & prompt : index.prompts) {
        const auto & [tokens, images] = prompt.source;
        stored.parents.push_back(prompt.parent);
        stored.shared.push_back(prompt.n_shared);
        stored.own.push_back(prompt.n_own());
        stored.image_counts.push_back(int32_t(images.size()));
        stored.prompt_images.insert(stored.prompt_images.end(), images.begin(), images.end());
        stored.tokens.insert(stored.tokens.end(), tokens.begin() + prompt.n_shared, tokens.end());
    }
    stored.images    = index.images;
    stored.checksums = index.checksums;
    return stored;
}

std::vector<std::string> get_texts(const gguf_file & file, const char * key) {
    const std::vector<std::string_view> texts = file.get_str_array(key);
    return {texts.begin(), texts.end()};
}

stored_index read_stored(const gguf_file & file) {
    stored_index stored;
    stored.parents       = file.get_i32_array(key_parents);
    stored.shared        = file.get_i32_array(key_shared);
    stored.own           = file.get_i32_array(key_own);
    stored.image_counts  = file.get_i32_array(key_image_counts);
    stored.prompt_images = get_texts(file, key_prompt_images);
    stored.tokens        = file.get_i32_array(key_tokens);
    stored.images        = get_texts(file, key_images);
    stored.checksums     = get_texts(file, key_checksums);
    if (file.get_str(key_checksum) != checksum_of(stored)) {
        file.fail("the session is damaged: its checksum is wrong; remove the file, and save a new one");
    }
    return stored;
}

[[noreturn]] void refuse(const gguf_file & file, const std::string & why) {
    throw error(error_code::model_unsupported, file.path() + ": " + why + ", or save a new session");
}

/** At most so much of a text of the file is shown. */
std::string shown(std::string_view text) {
    return std::string(text.substr(0, 64));
}

void check_owner(const gguf_file & file, const session_owner & owner) {
    const gguf_entry * type = file.find(key_type);
    if (type == nullptr || type->type != GGUF_TYPE_STRING || type->is_array || file.get_str(key_type) != type_session) {
        file.fail("it is not a session: general.type is not \"session\"");
    }
    const uint32_t found = file.get_u32(key_version);
    if (found != version) {
        refuse(file, format("the session is of version %u, and %u can be read: use the version of this package that "
                            "wrote it",
                            found, version));
    }
    if (file.get_str(key_model) != owner.model) {
        refuse(file, format("the session is of another model (\"%s\") or another quantization than the one that is "
                            "loaded (\"%s\"): load that one",
                            shown(file.get_str(key_model_name)).c_str(), shown(owner.model_name).c_str()));
    }
    const std::string cache = shown(file.get_str(key_cache_type));
    if (cache != cache_type_name(owner.type)) {
        refuse(file,
               format("the session has keys and values of type %s, and the model was loaded with %s: load it with "
                      "kvCacheType \"%s\"",
                      cache.c_str(), cache_type_name(owner.type), cache.c_str()));
    }
    const std::string mode = shown(file.get_str(key_row_mode));
    if (mode != row_mode_name(owner.mode)) {
        refuse(file,
               format("the session was computed in the row mode %s, and the model was loaded with %s: load it with "
                      "crossRowMode \"%s\"",
                      mode.c_str(), row_mode_name(owner.mode), mode.c_str()));
    }
}

/** Puts the prompts together, one after the other; the checksum is right, but who wrote it may be anybody. */
class prompt_reader {
  public:
    prompt_reader(const gguf_file & file, const stored_index & stored, const sight & rule, int64_t n_tokens)
        : file_(file), stored_(stored), rule_(rule), n_tokens_(n_tokens) {}

    std::vector<session_prompt> read() {
        const size_t n = stored_.parents.size();
        if (n > session_limits::n_prompts) {
            file_.fail(format("the session has %zu prompts, the limit is %zu", n, session_limits::n_prompts));
        }
        if (stored_.shared.size() != n || stored_.own.size() != n || stored_.image_counts.size() != n) {
            file_.fail("the session says different things about how many prompts it has");
        }
        for (size_t i = 0; i < n; i++) {
            prompts_.push_back(read_prompt(i));
        }
        if (n_taken_ != stored_.tokens.size() || n_images_taken_ != stored_.prompt_images.size()) {
            file_.fail("the session has tokens or images that belong to no prompt");
        }
        return std::move(prompts_);
    }

  private:
    [[noreturn]] void fail(size_t i, const char * what) const {
        file_.fail(format("prompt %zu of the session %s", i, what));
    }

    session_prompt read_prompt(size_t i) {
        session_prompt prompt;
        prompt.parent       = stored_.parents[i];
        prompt.n_shared     = stored_.shared[i];
        const bool is_child = prompt.n_shared > 0;
        if (is_child ? prompt.parent < 0 || size_t(prompt.parent) >= i : prompt.parent != -1 || prompt.n_shared != 0) {
            fail(i, "begins with rows of a prompt that is not before it");
        }
        take_tokens(i, prompt);
        take_images(i, prompt);
        if (is_child && common_rows(prompts_[size_t(prompt.parent)].source, prompt.source, rule_) < prompt.n_shared) {
            fail(i, "begins with rows that are not its own");
        }
        return prompt;
    }

    void take_tokens(size_t i, session_prompt & prompt) {
        std::vector<int32_t> & tokens = prompt.source.tokens;
        const auto n_shared           = size_t(prompt.n_shared);
        if (n_shared > 0) {
            const std::vector<int32_t> & others = prompts_[size_t(prompt.parent)].source.tokens;
            if (n_shared > others.size()) {
                fail(i, "shares more rows than there are");
            }
            tokens.assign(others.begin(), others.begin() + prompt.n_shared);
        }
        const int32_t n_own = stored_.own[i];
        if (n_own < 1 || size_t(n_own) > stored_.tokens.size() - n_taken_) {
            fail(i, "has no rows of its own, or more than there are");
        }
        const auto from = stored_.tokens.begin() + int64_t(n_taken_);
        if (std::any_of(from, from + n_own, [&](int32_t token) { return token < 0 || token >= n_tokens_; })) {
            fail(i, "has a token that the model does not know");
        }
        tokens.insert(tokens.end(), from, from + n_own);
        n_taken_ += size_t(n_own);
        n_in_all_ += tokens.size();
        if (n_in_all_ > session_limits::n_tokens) {
            fail(i, "makes the session longer than it may be");
        }
    }

    void take_images(size_t i, session_prompt & prompt) {
        const int32_t n = stored_.image_counts[i];
        if (n < 0 || size_t(n) > stored_.prompt_images.size() - n_images_taken_) {
            fail(i, "has more images than there are");
        }
        const auto from = stored_.prompt_images.begin() + int64_t(n_images_taken_);
        prompt.source.images.assign(from, from + n);
        n_images_taken_ += size_t(n);
    }

    const gguf_file & file_;
    const stored_index & stored_;
    const sight & rule_;
    int64_t n_tokens_;
    std::vector<session_prompt> prompts_;
    size_t n_taken_ = 0, n_images_taken_ = 0; // from the lists of the file
    size_t n_in_all_ = 0;                     // tokens
};

void check_images(const gguf_file & file, const std::vector<std::string> & images) {
    const std::set<std::string> different(images.begin(), images.end());
    if (different.size() != images.size() || different.count("") > 0) {
        file.fail("the session has an image twice, or one without a key");
    }
}

} // namespace

int64_t session_index::n_rows() const {
    return std::accumulate(prompts.begin(), prompts.end(), int64_t(0),
                           [](int64_t n, const session_prompt & prompt) { return n + prompt.n_own(); });
}

std::vector<metadata_entry> to_metadata(const session_index & index, const session_owner & owner) {
    const stored_index stored = to_stored(index);
    return {
        {key_type, std::string(type_session)},
        {key_version, version},
        {key_model, owner.model},
        {key_model_name, std::string(owner.model_name.c_str())}, // up to a NUL, which a file cannot hold
        {key_cache_type, std::string(cache_type_name(owner.type))},
        {key_row_mode, std::string(row_mode_name(owner.mode))},
        {key_parents, stored.parents},
        {key_shared, stored.shared},
        {key_own, stored.own},
        {key_image_counts, stored.image_counts},
        {key_prompt_images, stored.prompt_images},
        {key_tokens, stored.tokens},
        {key_images, stored.images},
        {key_checksums, stored.checksums},
        {key_checksum, checksum_of(stored)},
    };
}

session_index read_session_index(const gguf_file & file, const session_owner & owner, const sight & rule,
                                 int64_t n_tokens) {
    check_owner(file, owner);
    const stored_index stored = read_stored(file);
    session_index index;
    index.prompts = prompt_reader(file, stored, rule, n_tokens).read();
    check_images(file, stored.images);
    index.images    = stored.images;
    index.checksums = stored.checksums;
    return index;
}

} // namespace bllossom
