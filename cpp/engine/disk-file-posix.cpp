#ifndef _WIN32

#include "disk-file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bllossom {

// Linux moves no more than 2 GiB at a time, macOS refuses more.
static constexpr size_t max_transfer = size_t(1) << 30;

static int flags_of(file_access access) {
    switch (access) {
    case file_access::read:
        return O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    case file_access::create:
        return O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    case file_access::update:
        return O_RDWR | O_NOFOLLOW | O_CLOEXEC;
    }
    return O_RDONLY;
}

static file_facts to_facts(const struct stat & info) {
    return {S_ISREG(info.st_mode), S_ISDIR(info.st_mode), uint64_t(info.st_size)};
}

/** Repeats a call that a signal broke off. */
template <typename Call> static int64_t persist(Call && call) {
    ssize_t result;
    do {
        result = call();
    } while (result < 0 && errno == EINTR);
    return result;
}

disk_file::disk_file(const std::string & path, file_access access) : fd_(open(path.c_str(), flags_of(access), 0644)) {}

std::optional<file_facts> disk_file::facts() const {
    struct stat info {};
    return fstat(fd_, &info) == 0 ? std::optional(to_facts(info)) : std::nullopt;
}

int64_t disk_file::read(void * dst, size_t size, uint64_t offset) const {
    return persist([&] { return pread(fd_, dst, std::min(size, max_transfer), off_t(offset)); });
}

int64_t disk_file::write(const void * src, size_t size, uint64_t offset) {
    return persist([&] { return pwrite(fd_, src, std::min(size, max_transfer), off_t(offset)); });
}

bool disk_file::resize(uint64_t size) {
    return ftruncate(fd_, off_t(size)) == 0;
}

bool disk_file::sync() {
    return fsync(fd_) == 0;
}

bool disk_file::close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
}

std::optional<file_facts> facts_of(const std::string & path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? std::optional(to_facts(info)) : std::nullopt;
}

bool rename_file(const std::string & from, const std::string & to) {
    return rename(from.c_str(), to.c_str()) == 0;
}

bool remove_file(const std::string & path) {
    return unlink(path.c_str()) == 0;
}

void sync_folder_of(const std::string & path) {
    const size_t slash       = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const int fd             = open(folder.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void) fsync(fd); // not every file system can
        close(fd);
    }
}

} // namespace bllossom

#endif
