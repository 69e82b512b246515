#include "backend-libraries.h"

#include "error.h"
#include "log.h"
#include "shared-library.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>

#include <ggml-cpu.h>

namespace fs = std::filesystem;

namespace bllossom {

namespace {

#ifdef _WIN32
constexpr const char * name_start = "ggml-";
constexpr const char * name_end   = ".dll";
#else
constexpr const char * name_start = "libggml-";
constexpr const char * name_end   = ".so"; // on macOS too: backends are modules there
#endif

bool starts_with(const std::string & text, const std::string & start) {
    return text.compare(0, start.size(), start) == 0;
}

/** The libraries of a folder that may hold a backend, sorted. Those of the CPU are alternatives, and ggml chooses. */
std::vector<fs::path> backend_files(const std::string & folder) {
    std::vector<fs::path> files;
    std::error_code failure;
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure)) {
        const std::string name = entry->path().filename().string();
        if (starts_with(name, name_start) && !starts_with(name, std::string(name_start) + "cpu") &&
            entry->path().extension() == name_end) {
            files.push_back(entry->path());
        }
    }
    if (failure) {
        throw error(error_code::backend,
                    format("the folder of backends %s cannot be read: %s", folder.c_str(), failure.message().c_str()));
    }
    std::sort(files.begin(), files.end());
    return files;
}

#ifdef GGML_BACKEND_DL

/** Adds the backend of a library. Returns its name, or nothing when the registry has one of that name. */
std::string load_backend(const std::string & path) {
    const shared_library library(path); // first, for ggml keeps the reason to itself
    const auto init        = library.find<ggml_backend_reg_t (*)()>("ggml_backend_init");
    ggml_backend_reg_t reg = init != nullptr ? init() : nullptr;
    if (reg == nullptr) {
        throw error(error_code::backend, path + " holds no backend of ggml; install the package it belongs to again");
    }
    const std::string name = ggml_backend_reg_name(reg);
    if (ggml_backend_reg_by_name(name.c_str()) != nullptr) {
        return "";
    }
    if (ggml_backend_load(path.c_str()) == nullptr) {
        throw error(error_code::backend,
                    format("%s was made for another version of ggml than %s; install both packages "
                           "in the same version",
                           path.c_str(), ggml_version()));
    }
    return name;
}

/** Where the addon, its libraries and its backends lie. */
std::string own_folder() {
    return fs::path(file_of(reinterpret_cast<const void *>(&ggml_backend_load))).parent_path().string();
}

#else

std::string load_backend(const std::string & path) {
    throw error(error_code::backend,
                path + " cannot be loaded: the backends of this addon are built in; use a prebuilt addon, or build "
                       "one with -DGGML_BACKEND_DL=ON");
}

#endif

} // namespace

void init_backends() {
    static std::once_flag once;
    std::call_once(once, [] {
        init_log();
#ifdef GGML_BACKEND_DL
        ggml_backend_load_all_from_path(own_folder().c_str());
#endif
        ggml_backend_dev_count(); // fills the registry of a static build
    });
}

std::vector<std::string> load_backends(const std::string & folder) {
    init_backends();
    static std::mutex mutex;
    static std::set<std::string> done;
    const std::lock_guard<std::mutex> lock(mutex);
    std::vector<std::string> names;
    if (done.count(folder) == 0) {
        for (const fs::path & file : backend_files(folder)) {
            const std::string name = load_backend(file.string());
            if (!name.empty()) {
                names.push_back(name);
            }
        }
        done.insert(folder);
    }
    return names;
}

std::string load_failures() {
    std::string failures;
#ifdef GGML_BACKEND_DL
    for (const fs::path & file : backend_files(own_folder())) {
        try {
            const shared_library library(file.string());
        } catch (const error & e) {
            failures += (failures.empty() ? "" : "; ") + std::string(e.what());
        }
    }
#endif
    return failures;
}

size_t cpu_work_size(ggml_backend_t cpu, const ggml_cgraph * gf, int32_t n_threads) {
#ifdef GGML_BACKEND_DL
    // A backend hands out some of its functions by name. This one is none of them, but it lies in the same library.
    ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(ggml_backend_get_device(cpu));
    const shared_library library(file_of(ggml_backend_reg_get_proc_address(reg, "ggml_backend_set_n_threads")));
    const auto plan = library.find<decltype(&ggml_graph_plan)>("ggml_graph_plan");
    if (plan == nullptr) {
        throw error(error_code::backend, "the CPU backend cannot plan its memory; the installation is incomplete");
    }
    return plan(gf, n_threads, nullptr).work_size;
#else
    (void) cpu;
    return ggml_graph_plan(gf, n_threads, nullptr).work_size;
#endif
}

} // namespace bllossom
