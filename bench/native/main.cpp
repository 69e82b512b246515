// Measures the engine without Node: bench/gpu/run.py runs this program and the peers in turns.
//
//   bllossom-bench <command> … [--option value] …

#include "commands.h"
#include "error.h"

#include <cstdio>
#include <map>

namespace {

using command = void (*)(const bench::arguments &);

const std::map<std::string, command> commands = {
    {"decode", bench::run_decode},
    {"drift", bench::run_drift},
    {"export-text", bench::run_export_text},
    {"goldens", bench::run_goldens},
    {"image", bench::run_image},
    {"load", bench::run_load},
    {"memory", bench::run_memory},
    {"out-of-memory", bench::run_out_of_memory},
    {"prefill", bench::run_prefill},
    {"product-ceiling", bench::run_product_ceiling},
    {"random-model", bench::run_random_model},
    {"read-ceiling", bench::run_read_ceiling},
    {"take-ceiling", bench::run_take_ceiling},
    {"streams", bench::run_streams},
};

int usage() {
    std::string names;
    for (const auto & entry : commands) {
        names += " " + entry.first;
    }
    std::fprintf(stderr, "usage: bllossom-bench <command> … [--option value] …\ncommands:%s\n", names.c_str());
    return 2;
}

} // namespace

int main(int argc, char ** argv) {
    const auto found = argc > 1 ? commands.find(argv[1]) : commands.end();
    if (found == commands.end()) {
        return usage();
    }
    try {
        found->second(bench::arguments({argv + 2, argv + argc}));
    } catch (const bllossom::error & e) {
        std::fprintf(stderr, "bllossom-bench: %s: %s\n", bllossom::error_code_name(e.code()), e.what());
        return 1;
    } catch (const std::exception & e) {
        std::fprintf(stderr, "bllossom-bench: unexpected: %s\n", e.what());
        return 1;
    }
    return 0;
}
