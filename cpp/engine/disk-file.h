#pragma once
// Files of the operating system, by paths in UTF-8. A call that fails says so in its result and leaves the reason in
// errno, on every system.

#include <cstdint>
#include <optional>
#include <string>

namespace bllossom {

struct file_facts {
    bool is_regular   = false;
    bool is_directory = false;
    uint64_t size     = 0;
};

enum class file_access {
    read,   // never waits, also where the path leads to a pipe
    create, // to be written; there must be no such file
    update, // to be read and written; must be there, and be no link
};

/** An open file; closed on destruction. Reads and writes say where. */
class disk_file {
  public:
    disk_file() = default;
    disk_file(const std::string & path, file_access access);
    disk_file(disk_file && other) noexcept;
    disk_file & operator=(disk_file && other) noexcept;
    ~disk_file();

    bool is_open() const { return fd_ >= 0; }

    std::optional<file_facts> facts() const;

    /** Bytes that were read or written, fewer than asked for where the system likes it so; -1 on failure. */
    int64_t read(void * dst, size_t size, uint64_t offset) const;
    int64_t write(const void * src, size_t size, uint64_t offset);

    /** What is added reads as zeros. */
    bool resize(uint64_t size);

    /** Returns when the bytes are on the disk. */
    bool sync();

    bool close();

  private:
    int fd_ = -1;
};

/** Nothing where there is no such file, or it cannot be examined. */
std::optional<file_facts> facts_of(const std::string & path);

/** Replaces what has the new name. */
bool rename_file(const std::string & from, const std::string & to);

bool remove_file(const std::string & path);

/** Makes new names in the folder of a file last, where the system can. */
void sync_folder_of(const std::string & path);

} // namespace bllossom
