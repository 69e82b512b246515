#ifdef _WIN32 // compiled with MinGW and not run yet: there was no Windows to run it on

#include "disk-file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <io.h>
#include <share.h>
#include <sys/stat.h>

#include <windows.h>

namespace bllossom {

static constexpr size_t max_transfer = size_t(1) << 30;

static std::wstring wide(const std::string & path) {
    return std::filesystem::u8path(path).wstring();
}

static int flags_of(file_access access) {
    switch (access) {
    case file_access::read:
        return _O_RDONLY | _O_BINARY | _O_NOINHERIT;
    case file_access::create:
        return _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT;
    case file_access::update:
        return _O_RDWR | _O_BINARY | _O_NOINHERIT;
    }
    return _O_RDONLY;
}

/** The error of Windows as the nearest one of errno. */
static int to_errno(DWORD error) {
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
        return ENOENT;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
        return EEXIST;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
        return EACCES;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
        return ENOSPC;
    default:
        return EIO;
    }
}

static bool checked(BOOL succeeded) {
    if (!succeeded) {
        errno = to_errno(GetLastError());
    }
    return succeeded != FALSE;
}

static HANDLE handle_of(int fd) {
    return reinterpret_cast<HANDLE>(_get_osfhandle(fd));
}

static OVERLAPPED at(uint64_t offset) {
    OVERLAPPED place{};
    place.Offset     = DWORD(offset);
    place.OffsetHigh = DWORD(offset >> 32);
    return place;
}

static file_facts to_facts(const struct _stat64 & info) {
    const int type = info.st_mode & _S_IFMT;
    return {type == _S_IFREG, type == _S_IFDIR, uint64_t(info.st_size)};
}

disk_file::disk_file(const std::string & path, file_access access) {
    const errno_t failure = _wsopen_s(&fd_, wide(path).c_str(), flags_of(access), _SH_DENYNO, _S_IREAD | _S_IWRITE);
    if (failure != 0) {
        errno = failure;
    }
}

std::optional<file_facts> disk_file::facts() const {
    struct _stat64 info {};
    return _fstat64(fd_, &info) == 0 ? std::optional(to_facts(info)) : std::nullopt;
}

int64_t disk_file::read(void * dst, size_t size, uint64_t offset) const {
    OVERLAPPED place = at(offset);
    DWORD n          = 0;
    if (ReadFile(handle_of(fd_), dst, DWORD(std::min(size, max_transfer)), &n, &place)) {
        return n;
    }
    return GetLastError() == ERROR_HANDLE_EOF ? 0 : checked(FALSE) - 1;
}

int64_t disk_file::write(const void * src, size_t size, uint64_t offset) {
    OVERLAPPED place = at(offset);
    DWORD n          = 0;
    return checked(WriteFile(handle_of(fd_), src, DWORD(std::min(size, max_transfer)), &n, &place)) ? int64_t(n) : -1;
}

bool disk_file::resize(uint64_t size) {
    const errno_t failure = _chsize_s(fd_, int64_t(size));
    if (failure != 0) {
        errno = failure;
    }
    return failure == 0;
}

bool disk_file::sync() {
    return _commit(fd_) == 0;
}

bool disk_file::close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || _close(fd) == 0;
}

std::optional<file_facts> facts_of(const std::string & path) {
    struct _stat64 info {};
    return _wstat64(wide(path).c_str(), &info) == 0 ? std::optional(to_facts(info)) : std::nullopt;
}

bool rename_file(const std::string & from, const std::string & to) {
    constexpr DWORD flags = MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH;
    return checked(MoveFileExW(wide(from).c_str(), wide(to).c_str(), flags));
}

bool remove_file(const std::string & path) {
    return _wunlink(wide(path).c_str()) == 0;
}

void sync_folder_of(const std::string &) {} // MOVEFILE_WRITE_THROUGH has done it

} // namespace bllossom

#endif
