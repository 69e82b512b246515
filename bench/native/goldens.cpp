// The engine against golden values, as scripts/parity does it through Node: the same quantities, the same chunk sizes.
// One line per check; a check that fails makes the program fail.

#include "commands.h"
#include "error.h"
#include "golden-cases.h"
#include "json-line.h"
#include "session.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace bench {

using namespace bllossom;

namespace {

struct difference {
    double max_rel = 0; // largest difference, of the reference's largest magnitude
    double cosine  = 1;
};

/** NaN on either side is the largest difference of all. */
difference compare(const std::vector<float> & actual, const float * expected, size_t n) {
    if (actual.size() != n) {
        throw error(error_code::internal, format("%zu numbers stand against %zu of the reference", actual.size(), n));
    }
    double largest = 0, scale = 0, dot = 0, a = 0, b = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = actual[i], y = expected[i];
        largest = std::fabs(x - y) <= largest ? largest : std::isnan(x - y) ? INFINITY : std::fabs(x - y);
        scale   = std::max(scale, std::fabs(y));
        dot += x * y;
        a += x * x;
        b += y * y;
    }
    const double cosine = dot / std::sqrt(a * b);
    return {scale > 0 ? largest / scale : largest, std::isnan(cosine) ? -1 : cosine};
}

difference compare(const std::vector<float> & actual, const std::vector<float> & expected) {
    return compare(actual, expected.data(), expected.size());
}

/** Prints the checks of one file and counts those that fail. */
class judge {
  public:
    explicit judge(double limit) : limit_(limit) {}

    void largest_difference(const std::string & subject, const std::string & quantity, const difference & d) {
        record(subject, quantity, d, d.max_rel, "max_rel");
    }

    void distance(const std::string & subject, const std::string & quantity, const difference & d) {
        record(subject, quantity, d, 1 - d.cosine, "1 - cosine");
    }

    double limit() const { return limit_; }

    /** Throws unless everything passed, and something was checked. */
    void finish() const {
        if (n_checks_ == 0 || n_failed_ > 0) {
            throw error(error_code::model_output, format("%d of %d checks failed", n_failed_, n_checks_));
        }
    }

  private:
    void record(const std::string & subject, const std::string & quantity, const difference & d, double value,
                const char * measure) {
        const bool ok = value <= limit_;
        n_checks_++;
        n_failed_ += ok ? 0 : 1;
        json_line()
            .add("case", subject)
            .add("quantity", quantity)
            .add("max_rel", d.max_rel)
            .add("cosine", d.cosine)
            .add("measure", measure)
            .add("limit", limit_)
            .add("ok", ok)
            .print();
    }

    double limit_;
    int n_checks_ = 0;
    int n_failed_ = 0;
};

prompt_part ids(std::vector<int32_t> tokens) {
    prompt_part part;
    part.type   = prompt_part::kind::tokens;
    part.tokens = std::move(tokens);
    return part;
}

std::vector<image_input> images_of(const golden_cases & golden, const golden_case & c) {
    std::vector<image_input> images;
    for (const size_t i : c.images) {
        images.push_back(golden.images[i].input);
    }
    return images;
}

/** Logits of the prompt in every chunk size; with the first, what the vision tower made of the images. */
void check_prompt(session & s, const golden_cases & golden, const golden_case & c, const std::string & subject,
                  judge & j) {
    for (const int32_t chunk : {0, 1, 7}) {
        const auto result          = s.evaluate({{ids(c.tokens)}, images_of(golden, c), chunk});
        const std::string quantity = chunk == 0 ? "logits" : format("logits, chunks of %d", chunk);
        j.largest_difference(subject, quantity, compare(result->logits, c.logits));
        for (size_t k = 0; chunk == 0 && k < c.images.size(); k++) {
            const golden_image & image = golden.images[c.images[k]];
            j.largest_difference(subject, "vision features of " + image.name,
                                 compare(result->vision_features[k], image.features));
            j.largest_difference(subject, "cross states of " + image.name,
                                 compare(result->cross_states[k], image.states));
        }
    }
}

/** Every decode step, with the reference's own tokens one by one: one wrong token does not hide later ones. */
void check_decode(session & s, const golden_cases & golden, const golden_case & c, const std::string & subject,
                  judge & j) {
    std::vector<int32_t> forced = c.tokens;
    forced.insert(forced.end(), c.greedy.begin(), c.greedy.end() - 1);
    const auto result    = s.evaluate({{ids(std::move(forced))}, images_of(golden, c), 1});
    const size_t n_vocab = c.logits.size() / c.tokens.size();
    const auto decoded   = result->logits.begin() + ptrdiff_t((c.tokens.size() - 1) * n_vocab);
    j.largest_difference(subject, format("logits of %zu decode steps", c.greedy.size()),
                         compare({decoded, result->logits.end()}, c.decode_logits));
}

/**
 * Steps up to the first at which the two likeliest tokens of the reference are closer than rounding may move them: from
 * there on either choice is right, and the texts may part.
 */
size_t n_decided(const golden_case & c, double limit) {
    const size_t n_vocab = c.decode_logits.size() / c.greedy.size();
    double scale         = 0;
    for (const float value : c.decode_logits) {
        scale = std::max(scale, double(std::fabs(value)));
    }
    for (size_t step = 0; step < c.greedy.size(); step++) {
        std::vector<float> row(c.decode_logits.begin() + ptrdiff_t(step * n_vocab),
                               c.decode_logits.begin() + ptrdiff_t((step + 1) * n_vocab));
        std::partial_sort(row.begin(), row.begin() + 2, row.end(), std::greater<float>());
        if (row[0] - row[1] <= 2 * limit * scale) {
            return step;
        }
    }
    return c.greedy.size();
}

/** The tokens that a request generates, through scheduler and sampler. */
void check_greedy(session & s, const golden_cases & golden, const golden_case & c, const std::string & subject,
                  judge & j) {
    const size_t n = n_decided(c, j.limit());
    if (n == 0) {
        return;
    }
    generate_request request;
    request.prompt     = {ids(c.tokens)};
    request.images     = images_of(golden, c);
    request.max_tokens = int32_t(n);
    request.ignore_eos = true;
    request.credit     = INT64_MAX;
    const auto tokens  = s.run(std::move(request)).tokens;
    const bool equal   = tokens.size() == n && std::equal(tokens.begin(), tokens.end(), c.greedy.begin());
    j.largest_difference(subject, format("%zu greedy tokens", n), {equal ? 0.0 : 1.0, equal ? 1.0 : 0.0});
}

engine_options golden_options(const arguments & args, row_mode mode) {
    engine_options options   = read_options(args, args.word(1, "the model"));
    options.n_threads        = 1; // on matrices this small more of them only wait for each other
    options.context.n_ctx    = 1024;
    options.context.n_images = 8;
    options.context.mode     = mode;
    return options;
}

} // namespace

void run_goldens(const arguments & args) {
    const std::string cases = args.word(0, "the golden values");
    judge j(args.real("limit", 2e-4, 0, 1));
    for (const row_mode mode : {row_mode::hf, row_mode::meta}) {
        const engine_options options = golden_options(args, mode);
        args.check_all_used();
        const golden_cases golden(cases);
        const std::string name = mode == row_mode::hf ? "hf" : "meta";
        session s;
        s.load(options);
        for (const golden_case & c : golden.cases) {
            if (c.row_mode == name) {
                const std::string subject = golden.name + "/" + c.name;
                check_prompt(s, golden, c, subject, j);
                check_decode(s, golden, c, subject, j);
                check_greedy(s, golden, c, subject, j);
            }
        }
    }
    j.finish();
}

void run_drift(const arguments & args) {
    const golden_cases golden(args.word(0, "the golden values"));
    judge j(args.real("limit", 1e-4, 0, 1));
    const engine_options options = golden_options(args, row_mode::hf);
    args.check_all_used();
    session s;
    s.load(options);
    for (const golden_case & c : golden.cases) {
        if (c.row_mode == "hf") {
            const auto result = s.evaluate({{ids(c.tokens)}, images_of(golden, c), 0});
            j.distance(golden.name + "/" + c.name, "logits", compare(result->logits, c.logits));
        }
    }
    j.finish();
}

} // namespace bench
