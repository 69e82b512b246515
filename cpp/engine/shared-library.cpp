#include "shared-library.h"

#include "error.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace bllossom {

namespace {

[[noreturn]] void refuse(const std::string & path, const std::string & why) {
    throw error(error_code::backend, format("%s cannot be loaded: %s", path.c_str(), why.c_str()));
}

} // namespace

#ifdef _WIN32 // written after the documentation, and not tried: it is built on other systems only so far

std::string file_of(const void * address) {
    HMODULE module = nullptr;
    char path[MAX_PATH];
    constexpr DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    if (!GetModuleHandleExA(flags, static_cast<const char *>(address), &module) ||
        GetModuleFileNameA(module, path, MAX_PATH) == 0) {
        throw error(error_code::backend, "Windows does not say where the addon lies, so its backends cannot be loaded");
    }
    return path;
}

shared_library::shared_library(const std::string & path) : handle_(LoadLibraryA(path.c_str())) {
    if (!handle_) {
        refuse(path, "error " + std::to_string(GetLastError()) + " of Windows");
    }
}

void * shared_library::find_symbol(const char * name) const {
    return reinterpret_cast<void *>(GetProcAddress(static_cast<HMODULE>(handle_.get()), name));
}

void shared_library::closer::operator()(void * handle) const {
    FreeLibrary(static_cast<HMODULE>(handle));
}

#else

std::string file_of(const void * address) {
    Dl_info info{};
    if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
        throw error(error_code::backend,
                    "the linker does not say where the addon lies, so its backends cannot be loaded");
    }
    return info.dli_fname;
}

shared_library::shared_library(const std::string & path) : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!handle_) {
        const char * why = dlerror();
        refuse(path, why != nullptr ? why : "the linker gives no reason");
    }
}

void * shared_library::find_symbol(const char * name) const {
    return dlsym(handle_.get(), name);
}

void shared_library::closer::operator()(void * handle) const {
    dlclose(handle);
}

#endif

} // namespace bllossom
