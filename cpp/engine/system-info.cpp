#include "system-info.h"

#include "backend-libraries.h"
#include "backend.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

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

std::optional<uint64_t> meminfo(const char * field) {
    const auto kib = read_field("/proc/meminfo", std::string(field) + ":");
    return kib ? std::optional<uint64_t>(*kib * 1024) : std::nullopt;
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

/** What RLIMIT_AS leaves of the address space. */
uint64_t address_space_left() {
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return unlimited;
    }
    const auto pages    = read_number("/proc/self/statm");
    const uint64_t used = pages.value_or(0) * uint64_t(sysconf(_SC_PAGESIZE));
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

uint64_t physical_memory() {
    return uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
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

/** Cores among the CPUs that this process may run on; threads of one core share a sibling list. */
int32_t usable_cores() {
#ifdef __linux__
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
        std::set<std::string> cores;
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &allowed)) {
                continue;
            }
            const std::string name = std::to_string(cpu);
            std::ifstream in("/sys/devices/system/cpu/cpu" + name + "/topology/thread_siblings_list");
            std::string siblings;
            cores.insert(std::getline(in, siblings) ? siblings : "cpu " + name);
        }
        return int32_t(cores.size());
    }
#endif
    return int32_t(std::thread::hardware_concurrency());
}

} // namespace

size_t total_memory() {
    return size_t(std::min(meminfo("MemTotal").value_or(physical_memory()), read_cgroup_memory().limit));
}

size_t available_memory() {
    const uint64_t machine = meminfo("MemAvailable").value_or(physical_memory());
    return size_t(std::min({machine, read_cgroup_memory().available, address_space_left()}));
}

int32_t physical_cores() {
    const double quota = std::ceil(cpu_quota());
    const auto cores   = double(usable_cores());
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
