#include "gguf-file.h"

#include "error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bllossom {

namespace {

constexpr uint64_t max_header_bytes = 64ull << 20;
constexpr uint64_t max_entries      = 4096;
constexpr uint64_t max_tensors      = 16384;
constexpr uint64_t max_key_bytes    = 1024;
constexpr uint64_t max_name_bytes   = GGML_MAX_NAME - 1;
constexpr uint64_t max_string_bytes = 16ull << 20;
constexpr uint64_t max_array_count  = 4ull << 20;
constexpr uint64_t max_dim          = 1ull << 31;
constexpr uint32_t min_alignment    = 8;
constexpr uint32_t max_alignment    = 4096;

} // namespace

/** Reads the header front to back; what it has not read yet is fetched from the file in steps. */
class gguf_file::header_reader {
  public:
    explicit header_reader(gguf_file & file) : file_(file) {}

    size_t position() const { return position_; }

    template <typename T> T take(const char * what) {
        need(sizeof(T), what);
        const T value = gguf_load<T>(file_.bytes_.data() + position_);
        position_ += sizeof(T);
        return value;
    }

    std::string take_string(const char * what, uint64_t limit) {
        const uint64_t size = take_string_size(what, limit);
        std::string text(file_.bytes_.data() + position_, size);
        position_ += size;
        return text;
    }

    void skip_string(const char * what, uint64_t limit) { position_ += take_string_size(what, limit); }

    void skip(uint64_t size, const char * what) {
        need(size, what);
        position_ += size;
    }

  private:
    static constexpr uint64_t step = 1 << 20;

    uint64_t take_string_size(const char * what, uint64_t limit) {
        const auto size = take<uint64_t>(what);
        if (size > limit) {
            file_.fail(format("%s has %llu bytes, the limit is %llu", what, (unsigned long long) size,
                              (unsigned long long) limit));
        }
        need(size, what);
        return size;
    }

    // size is at most 2^25 here, so the sum cannot overflow
    void need(uint64_t size, const char * what) {
        const uint64_t end  = position_ + size;
        const uint64_t have = file_.bytes_.size();
        if (end <= have) {
            return;
        }
        if (end > file_.file_bytes_) {
            file_.fail(format("the file ends after %llu bytes, inside %s; it is truncated, download it again",
                              (unsigned long long) file_.file_bytes_, what));
        }
        if (end > max_header_bytes) {
            file_.fail(format("the header is over the limit of %llu bytes (at %s)",
                              (unsigned long long) max_header_bytes, what));
        }
        file_.bytes_.resize(std::min(file_.file_bytes_, std::max(end, have + step)));
        file_.read(have, file_.bytes_.data() + have, file_.bytes_.size() - have);
    }

    gguf_file & file_;
    size_t position_ = 0;
};

gguf_file::gguf_file(const std::string & path) : gguf_metadata(path) {
    if (path.empty() || path.find('\0') != std::string::npos) {
        throw error(error_code::model_not_found, "the path of the model is empty or holds a NUL byte");
    }
    file_ = disk_file(path, file_access::read);
    if (!file_.is_open()) {
        const bool missing = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP;
        throw error(missing ? error_code::model_not_found : error_code::io,
                    format("cannot open %s: %s", path.c_str(), strerror(errno)));
    }
    const auto facts = file_.facts();
    if (!facts) {
        throw error(error_code::io, format("cannot examine %s: %s", path.c_str(), strerror(errno)));
    }
    if (!facts->is_regular) {
        throw error(error_code::model_not_found, format("%s is %s; give the path of a GGUF file", path.c_str(),
                                                        facts->is_directory ? "a directory" : "not a regular file"));
    }
    file_bytes_ = facts->size;
    read_header();
}

void gguf_file::read(uint64_t offset, void * dst, size_t size) const {
    auto * to = static_cast<char *>(dst);
    while (size > 0) {
        const int64_t got = file_.read(to, size, offset);
        if (got <= 0) {
            throw error(error_code::io,
                        format("cannot read %s at byte %llu: %s", path().c_str(), (unsigned long long) offset,
                               got < 0 ? strerror(errno) : "the file ended; was it changed while it was read?"));
        }
        to += got;
        offset += uint64_t(got);
        size -= size_t(got);
    }
}

// --- header --------------------------------------------------------------------------------------------------

void gguf_file::read_header() {
    header_reader in(*this);
    if (file_bytes_ < 4 || in.take<uint32_t>("the magic number") != gguf_load<uint32_t>(GGUF_MAGIC)) {
        fail("this is not a GGUF file: it does not start with \"GGUF\"");
    }
    version_ = in.take<uint32_t>("the version");
    if (version_ != 2 && version_ != 3) {
        const bool swapped = (version_ & 0xffff) == 0;
        throw error(error_code::model_unsupported,
                    path() + (swapped ? ": big-endian GGUF files are not supported"
                                      : format(": GGUF version %u is not supported, versions 2 and 3 are", version_)));
    }
    const auto n_tensors = in.take<uint64_t>("the tensor count");
    const auto n_entries = in.take<uint64_t>("the key count");
    if (n_tensors > max_tensors || n_entries > max_entries) {
        fail(format("%llu tensors and %llu keys, the limits are %llu and %llu", (unsigned long long) n_tensors,
                    (unsigned long long) n_entries, (unsigned long long) max_tensors,
                    (unsigned long long) max_entries));
    }
    for (uint64_t i = 0; i < n_entries; i++) {
        read_entry(in);
    }
    for (uint64_t i = 0; i < n_tensors; i++) {
        read_tensor(in);
    }
    place_tensors(in.position());
}

void gguf_file::read_entry(header_reader & in) {
    gguf_entry entry;
    entry.key = in.take_string("a key", max_key_bytes);
    auto type = in.take<int32_t>("the type of a key");
    if (type == GGUF_TYPE_ARRAY) {
        entry.is_array = true;
        type           = in.take<int32_t>("the type of an array");
        entry.count    = in.take<uint64_t>("the length of an array");
    }
    if (type < 0 || type >= GGUF_TYPE_COUNT || type == GGUF_TYPE_ARRAY) { // before it may become an enumerator
        fail(format("key \"%s\" has the unknown type %d", entry.key.c_str(), type));
    }
    entry.type = gguf_type(type);
    if (entry.count > max_array_count) {
        fail(format("key \"%s\" is an array of %llu elements, the limit is %llu", entry.key.c_str(),
                    (unsigned long long) entry.count, (unsigned long long) max_array_count));
    }
    entry.begin = in.position();
    if (entry.type == GGUF_TYPE_STRING) {
        for (uint64_t i = 0; i < entry.count; i++) {
            in.skip_string("a string", max_string_bytes);
        }
    } else {
        in.skip(entry.count * gguf_element_bytes(entry.type), "a value");
    }
    entry.end = in.position();
    add(std::move(entry));
}

void gguf_file::read_tensor(header_reader & in) {
    gguf_tensor tensor;
    tensor.name       = in.take_string("a tensor name", max_name_bytes);
    const auto & name = tensor.name;
    const auto n_dims = in.take<uint32_t>("a dimension count");
    if (n_dims < 1 || n_dims > 4) {
        fail(format("tensor \"%s\" has %u dimensions, the limits are 1 and 4", name.c_str(), n_dims));
    }
    tensor.n_dims = int32_t(n_dims);
    for (uint32_t i = 0; i < n_dims; i++) {
        const auto dim = in.take<uint64_t>("a dimension");
        if (dim < 1 || dim > max_dim) {
            fail(format("tensor \"%s\" has a dimension of %llu, the limits are 1 and 2^31", name.c_str(),
                        (unsigned long long) dim));
        }
        tensor.ne[i] = int64_t(dim);
    }
    const auto type = in.take<int32_t>("a tensor type");
    if (type < 0 || type >= GGML_TYPE_COUNT || ggml_blck_size(ggml_type(type)) < 1) {
        fail(format("tensor \"%s\" has the unknown type %d", name.c_str(), type));
    }
    tensor.type   = ggml_type(type);
    tensor.offset = in.take<uint64_t>("a tensor offset");

    const int64_t block = ggml_blck_size(tensor.type);
    if (tensor.ne[0] % block != 0) {
        fail(format("tensor \"%s\" has rows of %lld elements, which is no multiple of the %lld of a %s block",
                    name.c_str(), (long long) tensor.ne[0], (long long) block, ggml_type_name(tensor.type)));
    }
    tensor.bytes = uint64_t(tensor.ne[0] / block) * ggml_type_size(tensor.type); // below 2^31 * 2^10
    for (int i = 1; i < 4; i++) {
        if (tensor.bytes > file_bytes_ / uint64_t(tensor.ne[i])) {
            fail(format("tensor \"%s\" is larger than the file (%llu bytes); it is truncated or damaged", name.c_str(),
                        (unsigned long long) file_bytes_));
        }
        tensor.bytes *= uint64_t(tensor.ne[i]);
    }
    if (name.empty() || !tensor_index_.emplace(name, tensors_.size()).second) {
        fail(format("tensor \"%s\" has no name or appears twice", name.c_str()));
    }
    tensors_.push_back(std::move(tensor));
}

/** Turns the offsets, which count from the end of the header, into positions in the file, and checks them. */
void gguf_file::place_tensors(uint64_t header_bytes) {
    uint64_t alignment = GGUF_DEFAULT_ALIGNMENT;
    if (find(GGUF_KEY_GENERAL_ALIGNMENT) != nullptr) {
        alignment = get_u32(GGUF_KEY_GENERAL_ALIGNMENT, min_alignment, max_alignment);
        if ((alignment & (alignment - 1)) != 0) {
            fail(format("general.alignment is %llu, which is no power of two", (unsigned long long) alignment));
        }
    }
    const uint64_t base = (header_bytes + alignment - 1) / alignment * alignment;

    std::vector<const gguf_tensor *> order;
    for (auto & tensor : tensors_) {
        if (tensor.offset % alignment != 0) {
            fail(format("tensor \"%s\" begins at %llu, which is no multiple of the alignment %llu", tensor.name.c_str(),
                        (unsigned long long) tensor.offset, (unsigned long long) alignment));
        }
        const uint64_t space = file_bytes_ > base ? file_bytes_ - base : 0;
        if (tensor.offset > space || tensor.bytes > space - tensor.offset) {
            fail(format(
                "tensor \"%s\" (%llu bytes at %llu) ends after the file does; it is truncated, download it again",
                tensor.name.c_str(), (unsigned long long) tensor.bytes, (unsigned long long) tensor.offset));
        }
        tensor.offset += base;
        order.push_back(&tensor);
    }
    std::sort(order.begin(), order.end(), [](const auto * a, const auto * b) { return a->offset < b->offset; });
    for (size_t i = 1; i < order.size(); i++) {
        if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset) {
            fail(format("tensors \"%s\" and \"%s\" overlap", order[i - 1]->name.c_str(), order[i]->name.c_str()));
        }
    }
}

const gguf_tensor * gguf_file::find_tensor(std::string_view name) const {
    const auto found = tensor_index_.find(std::string(name));
    return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

} // namespace bllossom
