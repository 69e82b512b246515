#include "gguf-writer.h"

#include "error.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstring>
#include <set>
#include <thread>

#include <gguf.h>

namespace bllossom {

namespace {

[[noreturn]] void refuse(const std::string & message) {
    throw error(error_code::invalid_option, message);
}

/** gguf.h takes C strings: a NUL inside would cut the text short. */
const char * c_string(const std::string & text, const std::string & key) {
    if (text.find('\0') != std::string::npos) {
        refuse(format("metadata %s holds a NUL character", key.c_str()));
    }
    return text.c_str();
}

struct metadata_setter {
    gguf_context * gguf;
    const std::string & key;

    void operator()(uint32_t value) const { gguf_set_val_u32(gguf, key.c_str(), value); }
    void operator()(int32_t value) const { gguf_set_val_i32(gguf, key.c_str(), value); }
    void operator()(float value) const { gguf_set_val_f32(gguf, key.c_str(), value); }
    void operator()(bool value) const { gguf_set_val_bool(gguf, key.c_str(), value); }
    void operator()(const std::string & value) const { gguf_set_val_str(gguf, key.c_str(), c_string(value, key)); }
    void operator()(const std::vector<int32_t> & values) const {
        gguf_set_arr_data(gguf, key.c_str(), GGUF_TYPE_INT32, values.data(), values.size());
    }
    void operator()(const std::vector<float> & values) const {
        gguf_set_arr_data(gguf, key.c_str(), GGUF_TYPE_FLOAT32, values.data(), values.size());
    }
    void operator()(const std::vector<std::string> & values) const {
        std::vector<const char *> texts;
        texts.reserve(values.size());
        for (const std::string & value : values) {
            texts.push_back(c_string(value, key));
        }
        gguf_set_arr_str(gguf, key.c_str(), texts.data(), texts.size());
    }
};

void set_metadata(gguf_context * gguf, const std::vector<metadata_entry> & metadata) {
    for (const metadata_entry & entry : metadata) {
        if (entry.key.empty() || entry.key == GGUF_KEY_GENERAL_ALIGNMENT) {
            refuse(format("metadata key \"%s\" cannot be set", entry.key.c_str()));
        }
        if (gguf_find_key(gguf, c_string(entry.key, "key")) >= 0) {
            refuse(format("metadata key \"%s\" is given twice", entry.key.c_str()));
        }
        std::visit(metadata_setter{gguf, entry.key}, entry.value);
    }
}

/** The quantizer's kernels divide by sums of these. */
void check_importance(const tensor_plan & tensor) {
    if (tensor.importance.empty()) {
        return;
    }
    if (int64_t(tensor.importance.size()) != tensor.ne[0]) {
        refuse(format("tensor %s has rows of %lld elements, but %zu importance weights", tensor.name.c_str(),
                      (long long) tensor.ne[0], tensor.importance.size()));
    }
    for (const float weight : tensor.importance) {
        if (!std::isfinite(weight) || weight < 0) {
            refuse(format("tensor %s has an importance weight of %g", tensor.name.c_str(), double(weight)));
        }
    }
}

void check_plan(const std::vector<tensor_plan> & plan) {
    std::set<std::string> names;
    for (const tensor_plan & tensor : plan) {
        const char * name = tensor.name.c_str();
        if (tensor.name.empty() || tensor.name.size() >= GGML_MAX_NAME) {
            refuse(format("tensor name \"%s\" must have 1 to %d characters", name, GGML_MAX_NAME - 1));
        }
        if (!names.insert(tensor.name).second) {
            refuse(format("tensor %s is planned twice", name));
        }
        if (tensor.ne.empty() || tensor.ne.size() > GGML_MAX_DIMS) {
            refuse(format("tensor %s has %zu dimensions; it must have 1 to %d", name, tensor.ne.size(), GGML_MAX_DIMS));
        }
        int64_t room = INT64_MAX / 8; // elements of any type then stay below SIZE_MAX bytes
        for (const int64_t n : tensor.ne) {
            if (n < 1 || n > room) {
                refuse(format("tensor %s has a dimension of %lld", name, (long long) n));
            }
            room /= n;
        }
        const int64_t block = ggml_blck_size(target_type_from_name(tensor.type));
        if (tensor.ne[0] % block != 0) {
            refuse(format("tensor %s has rows of %lld elements; the type %s needs a multiple of %lld", name,
                          (long long) tensor.ne[0], tensor.type.c_str(), (long long) block));
        }
        check_importance(tensor);
    }
}

} // namespace

gguf_writer::gguf_writer(std::string path, const std::vector<metadata_entry> & metadata,
                         const std::vector<tensor_plan> & tensors, int n_threads)
    : path_(std::move(path)), temporary_(path_ + ".tmp"),
      n_threads_(n_threads > 0 ? n_threads : std::max(1, int(std::thread::hardware_concurrency()))) {
    const std::vector<uint8_t> header = make_header(metadata, tensors);
    create_file(header);
}

gguf_writer::gguf_writer(std::string path, const std::vector<metadata_entry> & metadata,
                         const std::vector<tensor_plan> & tensors, int n_threads,
                         const std::vector<int64_t> & n_rows_done)
    : path_(std::move(path)), temporary_(path_ + ".tmp"), keep_(true),
      n_threads_(n_threads > 0 ? n_threads : std::max(1, int(std::thread::hardware_concurrency()))) {
    const std::vector<uint8_t> header = make_header(metadata, tensors);
    if (n_rows_done.size() != tensors_.size()) {
        refuse(format("rows of %zu tensors are named; the plan has %zu", n_rows_done.size(), tensors_.size()));
    }
    for (size_t i = 0; i < tensors_.size(); ++i) {
        if (n_rows_done[i] < 0 || n_rows_done[i] > tensors_[i].n_rows) {
            refuse(format("tensor %s cannot have %lld of its %lld rows", tensors_[i].name.c_str(),
                          (long long) n_rows_done[i], (long long) tensors_[i].n_rows));
        }
        tensors_[i].n_rows_done = n_rows_done[i];
    }
    const bool is_begun = std::any_of(n_rows_done.begin(), n_rows_done.end(), [](int64_t n) { return n > 0; });
    if (is_begun) {
        reopen_file(header);
        return;
    }
    if (!remove_file(temporary_) && errno != ENOENT) {
        fail("remove", temporary_, errno);
    }
    create_file(header);
}

gguf_writer::~gguf_writer() {
    give_up();
}

/** Checks names and plan, and lays out the file. */
std::vector<uint8_t> gguf_writer::make_header(const std::vector<metadata_entry> & metadata,
                                              const std::vector<tensor_plan> & plan) {
    if (path_.empty() || path_.find('\0') != std::string::npos) {
        refuse("the output path is empty or holds a NUL character");
    }
    check_plan(plan);
    gguf_context_ptr gguf(gguf_init_empty());
    set_metadata(gguf.get(), metadata);

    const ggml_init_params params = {(plan.size() + 1) * ggml_tensor_overhead(), nullptr, /*no_alloc=*/true};
    ggml_context_ptr ctx(ggml_init(params));
    size_t data_size = 0;
    for (const tensor_plan & item : plan) {
        const ggml_type type = target_type_from_name(item.type);
        ggml_tensor * shaped = ggml_new_tensor(ctx.get(), type, int(item.ne.size()), item.ne.data());
        ggml_set_name(shaped, item.name.c_str());
        gguf_add_tensor(gguf.get(), shaped);
        const size_t offset = gguf_get_tensor_offset(gguf.get(), gguf_get_n_tensors(gguf.get()) - 1);
        tensors_.push_back({item.name, type, item.ne[0], ggml_nrows(shaped), 0, offset, item.importance});
        data_size = offset + GGML_PAD(ggml_nbytes(shaped), GGUF_DEFAULT_ALIGNMENT); // the format pads the last one too
    }
    std::vector<uint8_t> header(gguf_get_meta_size(gguf.get()));
    gguf_get_meta_data(gguf.get(), header.data());
    data_offset_ = header.size();
    file_size_   = data_offset_ + data_size;
    return header;
}

void gguf_writer::check_target() const {
    const auto existing = facts_of(path_);
    if (existing && !existing->is_regular) {
        throw error(error_code::io, format("cannot write %s: it exists and is not a file; name a file", path_.c_str()));
    }
}

void gguf_writer::create_file(const std::vector<uint8_t> & header) {
    check_target();
    file_ = disk_file(temporary_, file_access::create);
    if (!file_.is_open() && errno == EEXIST) {
        throw error(error_code::io, format("cannot create %s: it exists; remove it if no other conversion is running",
                                           temporary_.c_str()));
    }
    if (!file_.is_open()) {
        fail("create", temporary_, errno);
    }
    put(header.data(), header.size(), 0);
    if (!file_.resize(file_size_)) { // what lies between tensors reads as zeros
        fail("write", temporary_, errno);
    }
}

/** A writer before this one must have written the same header into a file of the same size. */
void gguf_writer::reopen_file(const std::vector<uint8_t> & header) {
    check_target();
    file_ = disk_file(temporary_, file_access::update);
    if (!file_.is_open() && errno != ENOENT) {
        fail("open", temporary_, errno);
    }
    std::vector<uint8_t> begun(header.size());
    const auto found   = file_.is_open() ? file_.facts() : std::nullopt;
    const bool is_same = found && found->is_regular && found->size == file_size_ &&
                         file_.read(begun.data(), begun.size(), 0) == int64_t(begun.size()) && begun == header;
    if (!is_same) {
        close();
        throw error(error_code::model_format,
                    format("%s is not the file that was begun; begin anew", temporary_.c_str()));
    }
}

gguf_writer::tensor & gguf_writer::tensor_at(size_t index) {
    if (index >= tensors_.size()) {
        refuse(format("there is no tensor %zu; the plan has %zu", index, tensors_.size()));
    }
    return tensors_[index];
}

conversion_loss gguf_writer::write(size_t index, const uint8_t * bytes, size_t n_bytes, source_type source) {
    check_open();
    tensor & cur         = tensor_at(index);
    const int64_t n_rows = count_rows(cur, n_bytes, size_t(cur.n_per_row) * source_type_size(source));
    converted_.resize(size_t(n_rows) * ggml_row_size(cur.type, cur.n_per_row));
    conversion_loss loss;
    try {
        const float * importance = cur.importance.empty() ? nullptr : cur.importance.data();
        loss = convert_rows(bytes, source, n_rows, cur.n_per_row, cur.type, converted_.data(), n_threads_, importance);
    } catch (const error & e) {
        give_up();
        throw error(e.code(), format("tensor %s %s", cur.name.c_str(), e.what()));
    }
    put_rows(cur, converted_.data(), n_rows);
    return loss;
}

void gguf_writer::write_stored(size_t index, const uint8_t * bytes, size_t n_bytes) {
    check_open();
    tensor & cur         = tensor_at(index);
    const int64_t n_rows = count_rows(cur, n_bytes, ggml_row_size(cur.type, cur.n_per_row));
    if (!ggml_validate_row_data(cur.type, bytes, n_bytes)) {
        give_up();
        throw error(error_code::model_format, format("tensor %s holds NaN or infinity", cur.name.c_str()));
    }
    put_rows(cur, bytes, n_rows);
}

/** How many of a tensor's missing rows the bytes are. */
int64_t gguf_writer::count_rows(const tensor & cur, size_t n_bytes, size_t row_size) const {
    const int64_t n_missing = cur.n_rows - cur.n_rows_done;
    const auto n_rows       = int64_t(n_bytes / row_size);
    if (n_bytes == 0 || n_bytes % row_size != 0 || n_rows > n_missing) {
        refuse(format("tensor %s was given %zu bytes; rows have %zu bytes and %lld rows are missing", cur.name.c_str(),
                      n_bytes, row_size, (long long) n_missing));
    }
    return n_rows;
}

void gguf_writer::put_rows(tensor & cur, const uint8_t * rows, int64_t n_rows) {
    const size_t row_size = ggml_row_size(cur.type, cur.n_per_row);
    put(rows, size_t(n_rows) * row_size, data_offset_ + cur.offset + size_t(cur.n_rows_done) * row_size);
    cur.n_rows_done += n_rows;
}

void gguf_writer::put(const void * data, size_t size, size_t offset) {
    const char * rest = static_cast<const char *>(data);
    while (size > 0) {
        const int64_t n = file_.write(rest, size, offset);
        if (n < 0) {
            fail("write", temporary_, errno);
        }
        rest += n;
        size -= size_t(n);
        offset += size_t(n);
    }
}

void gguf_writer::sync() {
    check_open();
    if (!file_.sync()) {
        fail("sync", temporary_, errno);
    }
}

void gguf_writer::finish() {
    check_open();
    for (const tensor & cur : tensors_) {
        if (cur.n_rows_done < cur.n_rows) {
            refuse(format("cannot finish %s: tensor %s has %lld of its %lld rows", path_.c_str(), cur.name.c_str(),
                          (long long) cur.n_rows_done, (long long) cur.n_rows));
        }
    }
    sync();
    if (!file_.close() || !rename_file(temporary_, path_)) {
        const int error_number = errno;
        if (!keep_) {
            remove_file(temporary_);
        }
        fail("finish", path_, error_number);
    }
    sync_folder_of(path_);
}

void gguf_writer::abort() noexcept {
    if (file_.is_open()) {
        close();
        remove_file(temporary_);
    }
}

/** After a failure. */
void gguf_writer::give_up() noexcept {
    if (keep_) {
        close();
    } else {
        abort();
    }
}

void gguf_writer::check_open() const {
    if (!file_.is_open()) {
        throw error(error_code::closed, format("the writer of %s is finished or aborted", path_.c_str()));
    }
}

void gguf_writer::fail(const std::string & what, const std::string & path, int error_number) {
    const std::string reason = std::string(strerror(error_number)); // before give_up() changes errno
    give_up();
    throw error(error_code::io, format("cannot %s %s: %s", what.c_str(), path.c_str(), reason.c_str()));
}

} // namespace bllossom
