#include "gguf-metadata.h"

#include "error.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bllossom {

namespace {

gguf_scalar load_scalar(gguf_type type, const char * from) {
    switch (type) {
    case GGUF_TYPE_UINT8:
        return uint64_t(gguf_load<uint8_t>(from));
    case GGUF_TYPE_INT8:
        return int64_t(gguf_load<int8_t>(from));
    case GGUF_TYPE_UINT16:
        return uint64_t(gguf_load<uint16_t>(from));
    case GGUF_TYPE_INT16:
        return int64_t(gguf_load<int16_t>(from));
    case GGUF_TYPE_UINT32:
        return uint64_t(gguf_load<uint32_t>(from));
    case GGUF_TYPE_INT32:
        return int64_t(gguf_load<int32_t>(from));
    case GGUF_TYPE_FLOAT32:
        return double(gguf_load<float>(from));
    case GGUF_TYPE_UINT64:
        return gguf_load<uint64_t>(from);
    case GGUF_TYPE_INT64:
        return gguf_load<int64_t>(from);
    case GGUF_TYPE_FLOAT64:
        return gguf_load<double>(from);
    default:
        return gguf_load<uint8_t>(from) != 0;
    }
}

std::string type_name(gguf_type type, bool is_array) {
    return std::string(is_array ? "array of " : "") + gguf_type_name(type);
}

} // namespace

size_t gguf_element_bytes(gguf_type type) {
    switch (type) {
    case GGUF_TYPE_UINT8:
    case GGUF_TYPE_INT8:
    case GGUF_TYPE_BOOL:
        return 1;
    case GGUF_TYPE_UINT16:
    case GGUF_TYPE_INT16:
        return 2;
    case GGUF_TYPE_UINT32:
    case GGUF_TYPE_INT32:
    case GGUF_TYPE_FLOAT32:
        return 4;
    case GGUF_TYPE_UINT64:
    case GGUF_TYPE_INT64:
    case GGUF_TYPE_FLOAT64:
        return 8;
    default:
        return 0;
    }
}

void gguf_metadata::fail(const std::string & what) const {
    throw error(error_code::model_format, path_ + ": " + what);
}

const gguf_entry * gguf_metadata::find(std::string_view key) const {
    const auto found = entry_index_.find(std::string(key));
    return found == entry_index_.end() ? nullptr : &entries_[found->second];
}

std::vector<gguf_scalar> gguf_metadata::elements(const gguf_entry & entry, uint64_t limit) const {
    const uint64_t count = std::min(entry.count, limit);
    const char * from    = bytes_.data() + entry.begin;
    std::vector<gguf_scalar> result;
    result.reserve(count);
    for (uint64_t i = 0; i < count; i++) {
        if (entry.type == GGUF_TYPE_STRING) {
            const auto size = gguf_load<uint64_t>(from);
            result.emplace_back(std::string_view(from + sizeof(uint64_t), size));
            from += sizeof(uint64_t) + size;
        } else {
            result.push_back(load_scalar(entry.type, from));
            from += gguf_element_bytes(entry.type);
        }
    }
    return result;
}

const gguf_entry & gguf_metadata::require(std::string_view key, gguf_type type, bool is_array) const {
    const gguf_entry * entry = find(key);
    if (entry == nullptr) {
        fail(format("the key \"%.*s\" is missing", int(key.size()), key.data()));
    }
    if (entry->type != type || entry->is_array != is_array) {
        fail(format("key \"%s\" is of type %s, expected %s", entry->key.c_str(),
                    type_name(entry->type, entry->is_array).c_str(), type_name(type, is_array).c_str()));
    }
    return *entry;
}

uint32_t gguf_metadata::get_u32(std::string_view key, uint32_t low, uint32_t high) const {
    const gguf_entry & entry = require(key, GGUF_TYPE_UINT32, false);
    const auto value         = gguf_load<uint32_t>(bytes_.data() + entry.begin);
    if (value < low || value > high) {
        fail(format("%s is %u, the limits are %u and %u", entry.key.c_str(), value, low, high));
    }
    return value;
}

float gguf_metadata::get_f32(std::string_view key, float low, float high) const {
    const gguf_entry & entry = require(key, GGUF_TYPE_FLOAT32, false);
    const auto value         = gguf_load<float>(bytes_.data() + entry.begin);
    if (!(value >= low && value <= high)) { // false for NaN
        fail(format("%s is %g, the limits are %g and %g", entry.key.c_str(), double(value), double(low), double(high)));
    }
    return value;
}

bool gguf_metadata::get_bool(std::string_view key) const {
    return gguf_load<uint8_t>(bytes_.data() + require(key, GGUF_TYPE_BOOL, false).begin) != 0;
}

std::string_view gguf_metadata::get_str(std::string_view key) const {
    const gguf_entry & entry = require(key, GGUF_TYPE_STRING, false);
    return std::get<std::string_view>(elements(entry).front());
}

std::vector<int32_t> gguf_metadata::get_i32_array(std::string_view key) const {
    const gguf_entry & entry = require(key, GGUF_TYPE_INT32, true);
    std::vector<int32_t> values(entry.count);
    std::copy_n(bytes_.data() + entry.begin, values.size() * sizeof(int32_t), reinterpret_cast<char *>(values.data()));
    return values;
}

std::vector<float> gguf_metadata::get_f32_array(std::string_view key) const {
    const gguf_entry & entry = require(key, GGUF_TYPE_FLOAT32, true);
    std::vector<float> values(entry.count);
    std::copy_n(bytes_.data() + entry.begin, values.size() * sizeof(float), reinterpret_cast<char *>(values.data()));
    if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) {
        fail(format("%s holds a value that is not finite", entry.key.c_str()));
    }
    return values;
}

std::vector<std::string_view> gguf_metadata::get_str_array(std::string_view key) const {
    const gguf_entry & entry = require(key, GGUF_TYPE_STRING, true);
    std::vector<std::string_view> values;
    values.reserve(entry.count);
    for (const auto & element : elements(entry)) {
        values.push_back(std::get<std::string_view>(element));
    }
    return values;
}

// --- putting together ----------------------------------------------------------------------------------------

void gguf_metadata::add(gguf_entry entry) {
    if (entry.key.empty() || !entry_index_.emplace(entry.key, entries_.size()).second) {
        fail(format("key \"%s\" is empty or appears twice", entry.key.c_str()));
    }
    entries_.push_back(std::move(entry));
}

void gguf_metadata::append(const std::string & key, gguf_type type, bool is_array, uint64_t count, const void * value,
                           size_t n_bytes) {
    const size_t begin = bytes_.size();
    bytes_.append(static_cast<const char *>(value), n_bytes);
    add({key, type, is_array, count, begin, bytes_.size()});
}

void gguf_metadata::set(const std::string & key, uint32_t value) {
    append(key, GGUF_TYPE_UINT32, false, 1, &value, sizeof(value));
}

void gguf_metadata::set(const std::string & key, float value) {
    append(key, GGUF_TYPE_FLOAT32, false, 1, &value, sizeof(value));
}

void gguf_metadata::set(const std::string & key, bool value) {
    const uint8_t byte = value ? 1 : 0;
    append(key, GGUF_TYPE_BOOL, false, 1, &byte, sizeof(byte));
}

void gguf_metadata::set(const std::string & key, const std::string & value) {
    const uint64_t size = value.size();
    std::string bytes(reinterpret_cast<const char *>(&size), sizeof(size));
    bytes += value;
    append(key, GGUF_TYPE_STRING, false, 1, bytes.data(), bytes.size());
}

void gguf_metadata::set(const std::string & key, const std::vector<int32_t> & values) {
    append(key, GGUF_TYPE_INT32, true, values.size(), values.data(), values.size() * sizeof(int32_t));
}

void gguf_metadata::set(const std::string & key, const std::vector<float> & values) {
    append(key, GGUF_TYPE_FLOAT32, true, values.size(), values.data(), values.size() * sizeof(float));
}

void gguf_metadata::copy(const gguf_metadata & from, const gguf_entry & entry) {
    append(entry.key, entry.type, entry.is_array, entry.count, from.bytes_.data() + entry.begin,
           entry.end - entry.begin);
}

} // namespace bllossom
