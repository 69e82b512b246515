// The logits that stock llama.cpp computes, for comparison: nothing of ours is in this program.
//
//   stock-logits <model.gguf> <id> <id> …     writes F32 [ids][n_vocab] to stdout
//
// Caches in F32 and no flash attention, so that what differs is the arithmetic of the layers.

#include <cstdio>
#include <cstdlib>
#include <vector>

#include <llama.h>

static int fail(const char * what) {
    fprintf(stderr, "stock-logits: %s\n", what);
    return 1;
}

int main(int argc, char ** argv) {
    if (argc < 3) {
        return fail("usage: stock-logits <model.gguf> <id> …");
    }
    llama_log_set([](ggml_log_level, const char * text, void *) { fputs(text, stderr); }, nullptr);
    llama_backend_init();
    llama_model * model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (model == nullptr) {
        return fail("the model cannot be loaded");
    }
    std::vector<llama_token> tokens;
    for (int i = 2; i < argc; i++) {
        tokens.push_back(atoi(argv[i]));
    }
    const auto n_tokens = int32_t(tokens.size());

    llama_context_params params = llama_context_default_params();
    params.n_ctx                = 1024;
    params.n_batch              = 1024;
    params.n_ubatch             = 1024;
    params.n_threads            = 1;
    params.n_threads_batch      = 1;
    params.flash_attn_type      = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k               = GGML_TYPE_F32;
    params.type_v               = GGML_TYPE_F32;
    llama_context * ctx         = llama_init_from_model(model, params);
    if (ctx == nullptr) {
        return fail("the context cannot be made");
    }
    llama_batch batch = llama_batch_init(n_tokens, 0, 1);
    batch.n_tokens    = n_tokens;
    for (int32_t i = 0; i < n_tokens; i++) {
        batch.token[i]     = tokens[size_t(i)];
        batch.pos[i]       = i;
        batch.n_seq_id[i]  = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i]    = 1;
    }
    if (llama_decode(ctx, batch) != 0) {
        return fail("the tokens cannot be computed");
    }
    const auto n_vocab = size_t(llama_vocab_n_tokens(llama_model_get_vocab(model)));
    for (int32_t i = 0; i < n_tokens; i++) {
        fwrite(llama_get_logits_ith(ctx, i), sizeof(float), n_vocab, stdout);
    }
    llama_batch_free(batch);
    llama_free(ctx);
    llama_model_free(model);
    llama_backend_free();
    return 0;
}
