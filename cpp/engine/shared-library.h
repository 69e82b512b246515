#pragma once
// Libraries of the operating system: opened, and asked for a symbol.

#include <memory>
#include <string>

namespace bllossom {

/** Path of the library or program that holds this function or object. Throws error{backend} when nothing does. */
std::string file_of(const void * address);

/** A library that stays open as long as this lives; opening one that is loaded already only counts. */
class shared_library {
  public:
    /** Throws error{backend} with the reason of the operating system. */
    explicit shared_library(const std::string & path);

    /** Null when the library has no such symbol. */
    template <typename Function> Function find(const char * name) const {
        return reinterpret_cast<Function>(find_symbol(name));
    }

  private:
    void * find_symbol(const char * name) const;

    struct closer {
        void operator()(void * handle) const;
    };
    std::unique_ptr<void, closer> handle_;
};

} // namespace bllossom
