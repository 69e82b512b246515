#include "system-info.h"

#include "backend-libraries.h"
#include "backend.h"
#include "host.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>

#include <llama.h>

namespace bllossom {

namespace {

constexpr uint64_t unlimited = std::numeric_limits<uint64_t>::max();

/** The first number of a file; nothing when there is none, as in "max". */
std::optional<uint64_t> read_number(const std::string & path) {
    std::ifstream in(path);
    uint64_t value = 0;
    return in >> value ? std::optional<uint64_t>(value) : std::nullopt;
}

/** The number behind `key` in a file of "key value" lines. */
std::optional<uint64_t> read_field(const std::string & path, const std::string & key) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string name;
        uint64_t value = 0;
        if (words >> name >> value && name == key) {
            return value;
        }
    }
    return std::nullopt;
}

/** Directories of this process's cgroup for a v1 controller ("memory") or for v2 (""), innermost first. */
std::vector<std::string> cgroup_directories(const std::string & controller) {
    const std::string root = "/sys/fs/cgroup" + (controller.empty() ? "" : "/" + controller);
    std::vector<std::string> directories;
    std::ifstream in("/proc/self/cgroup");
    for (std::string line; std::getline(in, line);) { // "id:controllers:path"
        const size_t first  = line.find(':');
        const size_t second = line.find(':', first + 1);
        if (second == std::string::npos || line.substr(first + 1, second - first - 1) != controller) {
            continue;
        }
        std::string path = line.substr(second + 1);
        while (path.size() > 1) {
            directories.push_back(root + path);
            path.resize(path.find_last_of('/'));
        }
    }
    directories.push_back(root); // in a container the path above may not exist, and this is the group itself
    return directories;
}

struct cgroup_memory {
    uint64_t limit     = unlimited;
    uint64_t available = unlimited;
};

/** The tightest limit of a cgroup and its ancestors. Pages of files that can be dropped count as available. */
cgroup_memory read_cgroup_memory() {
    struct names {
        const char * controller;
        const char * limit;
        const char * usage;
        const char * cached;
    };
    constexpr names versions[] = {
        {"", "/memory.max", "/memory.current", "inactive_file"},
        {"memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file"},
    };
    cgroup_memory memory;
    for (const auto & version : versions) {
        for (const auto & directory : cgroup_directories(version.controller)) {
            const auto limit = read_number(directory + version.limit);
            const auto usage = read_number(directory + version.usage);
            if (!limit || !usage) {
                continue;
            }
            const uint64_t cached = read_field(directory + "/memory.stat", version.cached).value_or(0);
            const uint64_t used   = *usage > cached ? *usage - cached : 0;
            memory.limit          = std::min(memory.limit, *limit);
            memory.available      = std::min(memory.available, *limit > used ? *limit - used : 0);
        }
    }
    return memory;
}

/** CPUs that the cgroup's quota pays for, v2 "quota period" or v1; infinity without a quota. */
double cpu_quota() {
    double cpus = std::numeric_limits<double>::infinity();
    for (const auto & directory : cgroup_directories("")) {
        std::ifstream in(directory + "/cpu.max");
        double quota = 0, period = 0;
        if (in >> quota >> period && period > 0) {
            cpus = std::min(cpus, quota / period);
        }
    }
    for (const char * controller : {"cpu", "cpu,cpuacct"}) {
        for (const auto & directory : cgroup_directories(controller)) {
            const auto quota  = read_number(directory + "/cpu.cfs_quota_us"); // -1 without a quota
            const auto period = read_number(directory + "/cpu.cfs_period_us");
            if (quota && period && *quota < uint64_t(1) << 40 && *period > 0) {
                cpus = std::min(cpus, double(*quota) / double(*period));
            }
        }
    }
    return cpus;
}

} // namespace

size_t total_memory() {
    return size_t(std::min(host_memory(), read_cgroup_memory().limit));
}

size_t available_memory() {
    return size_t(std::min({host_memory_left(), read_cgroup_memory().available, address_space_left()}));
}

int32_t physical_cores() {
    const double quota = std::ceil(cpu_quota());
    const auto cores   = double(host_cores());
    return std::max(1, int32_t(std::min(cores, quota)));
}

std::string ggml_version_text() {
    return ggml_version();
}

std::string cpu_features() {
    init_backends();
    return llama_print_system_info();
}

} // namespace bllossom
