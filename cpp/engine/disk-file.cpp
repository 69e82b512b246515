#include "disk-file.h"

#include <utility>

namespace bllossom {

disk_file::disk_file(disk_file && other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

disk_file & disk_file::operator=(disk_file && other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

disk_file::~disk_file() {
    close();
}

} // namespace bllossom
