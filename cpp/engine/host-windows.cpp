#ifdef _WIN32 // compiled with MinGW and not run yet: there was no Windows to run it on

#include "host.h"

#include <limits>
#include <string>
#include <thread>

#include <windows.h>

namespace bllossom {

static MEMORYSTATUSEX memory_status() {
    MEMORYSTATUSEX status{};
    status.dwLength = sizeof(status);
    GlobalMemoryStatusEx(&status);
    return status;
}

uint64_t host_memory() {
    return memory_status().ullTotalPhys;
}

uint64_t host_memory_left() {
    return memory_status().ullAvailPhys;
}

uint64_t address_space_left() {
    return std::numeric_limits<uint64_t>::max();
}

void prefer_large_pages(void *, uint64_t) {} // there they need a privilege

int32_t host_cores() {
    DWORD size = 0;
    GetLogicalProcessorInformationEx(RelationProcessorCore, nullptr, &size);
    std::string bytes(size, '\0');
    auto * first = reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *>(bytes.data());
    if (!GetLogicalProcessorInformationEx(RelationProcessorCore, first, &size)) {
        return int32_t(std::thread::hardware_concurrency());
    }
    int32_t n = 0;
    for (DWORD at = 0; at < size; n++) {
        at += reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *>(bytes.data() + at)->Size;
    }
    return n;
}

} // namespace bllossom

#endif
