#include "support/gguf-image.h"

#include <algorithm>
#include <cstdlib>

#include <gguf.h>

namespace tiny {

namespace {

struct cursor {
    const std::string & bytes;
    size_t at = 0;

    template <typename T> T take() {
        T value;
        memcpy(&value, bytes.data() + at, sizeof(T));
        at += sizeof(T);
        return value;
    }
    std::string take_bytes(size_t size) {
        at += size;
        return bytes.substr(at - size, size);
    }
    std::string take_string() { return take_bytes(take<uint64_t>()); }
};

size_t element_bytes(int32_t type) {
    constexpr size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return sizes[type];
}

std::string take_value(cursor & in, int32_t type, uint64_t count) {
    std::string value;
    for (uint64_t i = 0; i < count; i++) {
        value += type == GGUF_TYPE_STRING ? raw_string(in.take_string()) : in.take_bytes(element_bytes(type));
    }
    return value;
}

size_t align_up(size_t size, uint64_t alignment) {
    return (size + alignment - 1) / alignment * alignment;
}

template <typename T, typename Name> T & find_by(std::vector<T> & items, const std::string & name, Name T::*member) {
    for (auto & item : items) {
        if (item.*member == name) {
            return item;
        }
    }
    fprintf(stderr, "the tiny model has no %s\n", name.c_str());
    exit(1);
}

} // namespace

std::string raw_string_array(const std::vector<std::string> & texts) {
    std::string bytes = raw(int32_t(GGUF_TYPE_STRING)) + raw(uint64_t(texts.size()));
    for (const auto & text : texts) {
        bytes += raw_string(text);
    }
    return bytes;
}

gguf_image gguf_image::parse(const std::string & bytes) {
    gguf_image image;
    cursor in{bytes};
    in.take<uint32_t>();
    image.version        = in.take<uint32_t>();
    const auto n_tensors = in.take<uint64_t>(), n_entries = in.take<uint64_t>();
    for (uint64_t i = 0; i < n_entries; i++) {
        entry e;
        e.key  = in.take_string();
        e.type = in.take<int32_t>();
        if (e.type == GGUF_TYPE_ARRAY) {
            const auto type  = in.take<int32_t>();
            const auto count = in.take<uint64_t>();
            e.value          = raw(type) + raw(count) + take_value(in, type, count);
        } else {
            e.value = take_value(in, e.type, 1);
        }
        image.entries.push_back(e);
    }
    for (uint64_t i = 0; i < n_tensors; i++) {
        tensor t;
        t.name            = in.take_string();
        const auto n_dims = in.take<uint32_t>();
        for (uint32_t d = 0; d < n_dims; d++) {
            t.dims.push_back(in.take<uint64_t>());
        }
        t.type   = in.take<int32_t>();
        t.offset = in.take<uint64_t>();
        image.tensors.push_back(t);
    }
    image.data = bytes.substr(align_up(in.at, image.alignment));
    return image;
}

std::string gguf_image::serialize(uint64_t extra_entries, uint64_t extra_tensors) const {
    std::string bytes = "GGUF" + raw(version) + raw(uint64_t(tensors.size()) + extra_tensors) +
                        raw(uint64_t(entries.size()) + extra_entries);
    for (const auto & e : entries) {
        bytes += raw_string(e.key) + raw(e.type) + e.value;
    }
    for (const auto & t : tensors) {
        bytes += raw_string(t.name) + raw(uint32_t(t.dims.size()));
        for (const uint64_t dim : t.dims) {
            bytes += raw(dim);
        }
        bytes += raw(t.type) + raw(t.offset);
    }
    bytes.resize(align_up(bytes.size(), alignment));
    return bytes + data;
}

bool gguf_image::has(const std::string & key) const {
    return std::any_of(entries.begin(), entries.end(), [&](const entry & e) { return e.key == key; });
}

gguf_image::entry & gguf_image::find(const std::string & key) {
    return find_by(entries, key, &entry::key);
}

gguf_image::tensor & gguf_image::find_tensor(const std::string & name) {
    return find_by(tensors, name, &tensor::name);
}

size_t gguf_image::header_bytes() const {
    return serialize().size() - data.size();
}

} // namespace tiny
