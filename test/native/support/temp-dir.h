#pragma once
// A directory for one test, removed with everything in it.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <unistd.h>

class temp_dir {
  public:
    temp_dir() {
        // memory-backed where there is one: the tests write thousands of files
        const char * base                = std::getenv("TMPDIR");
        const std::filesystem::path root = base != nullptr ? base : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        std::string name                 = (root / "bllossom-test-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) {
            perror("mkdtemp");
            exit(1);
        }
        path_ = name;
    }
    ~temp_dir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    temp_dir(const temp_dir &)             = delete;
    temp_dir & operator=(const temp_dir &) = delete;

    std::string file(const std::string & name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};
