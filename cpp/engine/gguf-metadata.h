#pragma once
// The metadata of a model: keys with typed values, read from the header of a file or put together by the engine.

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include <gguf.h>

namespace bllossom {

/** One key of the metadata. */
struct gguf_entry {
    std::string key;
    gguf_type type = GGUF_TYPE_COUNT; // of the value, or of an array's elements
    bool is_array  = false;
    uint64_t count = 1; // elements; 1 for a scalar
    size_t begin   = 0; // where the first element lies in the raw bytes
    size_t end     = 0;
};

/** One scalar or array element; signed integers are int64_t, unsigned ones uint64_t, floats double. */
using gguf_scalar = std::variant<bool, int64_t, uint64_t, double, std::string_view>;

/** Bytes of a fixed-size element; 0 for strings, arrays and unknown types. */
size_t gguf_element_bytes(gguf_type type);

/** A number as it stands in a file, unaligned. */
template <typename T> T gguf_load(const char * from) {
    T value;
    memcpy(&value, from, sizeof(T));
    return value;
}

class gguf_metadata {
  public:
    /** path: of the file that errors name. */
    explicit gguf_metadata(std::string path) : path_(std::move(path)) {}

    const std::string & path() const { return path_; }
    const std::vector<gguf_entry> & entries() const { return entries_; } // in the file's order

    /** Null when there is no such key. */
    const gguf_entry * find(std::string_view key) const;

    /** The first `limit` elements of any entry. String views live as long as the file object. */
    std::vector<gguf_scalar> elements(const gguf_entry & entry, uint64_t limit = UINT64_MAX) const;

    // Typed access. A missing key, another kind, or a value outside [low, high] (not finite for floats) throws
    // error{model_format} with the key's name.
    uint32_t get_u32(std::string_view key, uint32_t low = 0, uint32_t high = UINT32_MAX) const;
    float get_f32(std::string_view key, float low = std::numeric_limits<float>::lowest(),
                  float high = std::numeric_limits<float>::max()) const;
    bool get_bool(std::string_view key) const;

    std::string_view get_str(std::string_view key) const;
    std::vector<int32_t> get_i32_array(std::string_view key) const;
    std::vector<float> get_f32_array(std::string_view key) const; // every element finite
    std::vector<std::string_view> get_str_array(std::string_view key) const;

    // Adds a key that is not there yet.
    void set(const std::string & key, uint32_t value);
    void set(const std::string & key, float value);
    void set(const std::string & key, bool value);
    void set(const std::string & key, const std::string & value);
    void set(const std::string & key, const std::vector<int32_t> & values);
    void set(const std::string & key, const std::vector<float> & values);
    /** Takes over a key as it is. */
    void copy(const gguf_metadata & from, const gguf_entry & entry);

    /** An error{model_format} about this file. */
    [[noreturn]] void fail(const std::string & what) const;

  protected:
    /** Takes an entry whose value lies in bytes_. Throws error{model_format} when its key is empty or known. */
    void add(gguf_entry entry);

    std::string bytes_; // that entries point into

  private:
    void append(const std::string & key, gguf_type type, bool is_array, uint64_t count, const void * value,
                size_t n_bytes);
    const gguf_entry & require(std::string_view key, gguf_type type, bool is_array) const;

    std::string path_;
    std::vector<gguf_entry> entries_;
    std::unordered_map<std::string, size_t> entry_index_;
};

} // namespace bllossom
