#pragma once
// A GGUF file in memory whose parts can be changed one by one, also into what no writer would produce.

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace tiny {

/** The bytes of a number as they stand in a file. */
template <typename T> std::string raw(T value) {
    std::string bytes(sizeof(T), '\0');
    memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
}

inline std::string raw_string(const std::string & text) {
    return raw(uint64_t(text.size())) + text;
}

/** An array value: element type, count, elements. */
template <typename T> std::string raw_array(int32_t type, const std::vector<T> & values) {
    std::string bytes = raw(type) + raw(uint64_t(values.size()));
    for (const T & value : values) {
        bytes += raw(value);
    }
    return bytes;
}

std::string raw_string_array(const std::vector<std::string> & texts);

struct gguf_image {
    struct entry {
        std::string key;
        int32_t type;
        std::string value; // raw
    };
    struct tensor {
        std::string name;
        std::vector<uint64_t> dims;
        int32_t type;
        uint64_t offset;
    };

    uint32_t version   = 3;
    uint64_t alignment = 32; // of the data in the file, whatever general.alignment says
    std::vector<entry> entries;
    std::vector<tensor> tensors;
    std::string data;

    /** Takes apart the bytes of a sound file. */
    static gguf_image parse(const std::string & bytes);

    /** `extra_entries` and `extra_tensors` are added to the counts in the header. */
    std::string serialize(uint64_t extra_entries = 0, uint64_t extra_tensors = 0) const;

    bool has(const std::string & key) const;
    entry & find(const std::string & key);
    tensor & find_tensor(const std::string & name);
    size_t header_bytes() const;
};

} // namespace tiny
