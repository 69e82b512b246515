#include "commands.h"
#include "rewrite.h"

namespace bench {

using namespace bllossom;

void run_export_text(const arguments & args) {
    const std::string model  = args.word(0, "the model");
    const std::string output = args.word(1, "the output");
    args.check_all_used();
    model_files files;
    files.path = model;
    const model_source source(files);
    model_copy copy(plan_text_export(source), output, 0);
    while (copy.bytes_done() < copy.bytes_total()) {
        copy.step();
    }
    copy.finish();
}

} // namespace bench
