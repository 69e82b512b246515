#ifndef _WIN32

#include "host.h"

#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

namespace bllossom {

/** Bytes of a line of Linux's table; nothing on other systems. */
static std::optional<uint64_t> meminfo(const std::string & field) {
    std::ifstream in("/proc/meminfo");
    for (std::string line; std::getline(in, line);) { // "MemTotal:  24576000 kB"
        std::istringstream words(line);
        std::string name;
        uint64_t kib = 0;
        if (words >> name >> kib && name == field + ":") {
            return kib * 1024;
        }
    }
    return std::nullopt;
}

static uint64_t page_size() {
    return uint64_t(sysconf(_SC_PAGESIZE));
}

uint64_t host_memory() {
    return meminfo("MemTotal").value_or(uint64_t(sysconf(_SC_PHYS_PAGES)) * page_size());
}

uint64_t host_memory_left() {
    return meminfo("MemAvailable").value_or(host_memory());
}

uint64_t address_space_left() {
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return std::numeric_limits<uint64_t>::max();
    }
    uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const uint64_t used = pages * page_size();
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

/** Advice on the whole pages of a range; what does not know it does without. */
static void advise([[maybe_unused]] void * begin, [[maybe_unused]] uint64_t n_bytes, [[maybe_unused]] int advice) {
    const uint64_t page = page_size(), address = reinterpret_cast<uintptr_t>(begin);
    const uint64_t first = (address + page - 1) / page * page, last = (address + n_bytes) / page * page;
    if (first < last) {
        madvise(reinterpret_cast<void *>(uintptr_t(first)), size_t(last - first), advice);
    }
}

void prefer_large_pages([[maybe_unused]] void * begin, [[maybe_unused]] uint64_t n_bytes) {
#ifdef MADV_HUGEPAGE
    advise(begin, n_bytes, MADV_HUGEPAGE);
#endif
}

int32_t host_cores() {
#ifdef __linux__
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
        std::set<std::string> cores;
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &allowed)) {
                continue;
            }
            // the threads of one core share this list
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

} // namespace bllossom

#endif
