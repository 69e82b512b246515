#include "session-file.h"

#include "checksum.h"
#include "error.h"
#include "gguf-file.h"
#include "gguf-writer.h"
#include "quantize.h"
#include "session-index.h"

#include <algorithm>

namespace bllossom {

namespace {

constexpr size_t chunk_bytes = 4 << 20; // read, checked and copied at once

using stop_function = std::function<bool()>;

/** One tensor of a session. */
struct session_part {
    std::string name;
    ggml_tensor * cache; // whose cells its rows are
    bool is_cross;
    int64_t n_rows;

    size_t row_bytes() const { return cache->nb[1]; }
};

/** Cells of the rows of a session, in their order; -1: the row is not wanted. */
struct session_cells {
    std::vector<int64_t> self;
    std::vector<int64_t> cross;

    const std::vector<int64_t> & of(const session_part & part) const { return part.is_cross ? cross : self; }
};

session_owner owner_of(const context & c) {
    const model & m = c.get_model();
    return {m.fingerprint, m.hp.name, c.options().kv_type, c.options().mode};
}

std::vector<session_part> parts_of(context & c, const session_index & index) {
    const hparams & hp       = c.get_model().hp;
    const int64_t n_of_cross = int64_t(index.images.size()) * hp.vision.n_rows();
    std::vector<session_part> parts;
    for (int32_t il = 0; il < hp.text.n_layer; il++) {
        const bool is_cross  = hp.text.is_cross[size_t(il)];
        const int64_t n_rows = is_cross ? n_of_cross : index.n_rows();
        if (n_rows > 0) {
            parts.push_back({format("blk.%d.k", il), is_cross ? c.cross().k(il) : c.self().k(il), is_cross, n_rows});
            parts.push_back({format("blk.%d.v", il), is_cross ? c.cross().v(il) : c.self().v(il), is_cross, n_rows});
        }
    }
    return parts;
}

void go_on_unless(const stop_function & should_stop) {
    if (should_stop()) {
        throw error(error_code::cancelled, "saving or loading the session was cancelled");
    }
}

/** Calls step(first, n) for rows of a part, a few MiB at a time. */
template <typename F>
void for_each_chunk(const session_part & part, int64_t n_rows, const stop_function & should_stop, F && step) {
    const int64_t n_most = std::max<int64_t>(1, int64_t(chunk_bytes / part.row_bytes()));
    for (int64_t first = 0; first < n_rows; first += n_most) {
        go_on_unless(should_stop);
        step(first, std::min(n_most, n_rows - first));
    }
}

/** Calls copy(row, cell, n) for the wanted ones of the rows [first, first + n) whose cells lie side by side. */
template <typename F> void for_each_run(const std::vector<int64_t> & cells, int64_t first, int64_t n, F && copy) {
    for (int64_t begin = first, end = first; begin < first + n; begin = end) {
        const int64_t cell = cells[size_t(begin)];
        do {
            end++;
        } while (end < first + n && cells[size_t(end)] == (cell < 0 ? -1 : cell + end - begin));
        if (cell >= 0) {
            copy(begin, cell, end - begin);
        }
    }
}

// --- saving ----------------------------------------------------------------------------------------------------------

std::vector<char> read_cells(const session_part & part, const std::vector<int64_t> & cells, int64_t first, int64_t n) {
    std::vector<char> rows(size_t(n) * part.row_bytes());
    for_each_run(cells, first, n, [&](int64_t row, int64_t cell, int64_t n_run) {
        ggml_backend_tensor_get(part.cache, rows.data() + size_t(row - first) * part.row_bytes(),
                                size_t(cell) * part.row_bytes(), size_t(n_run) * part.row_bytes());
    });
    return rows;
}

/** The prompts in the cache, and the cells of their rows, each once. */
void collect_prompts(const prefix_cache & prefixes, int64_t n_cells, session_index & index, session_cells & cells) {
    std::vector<int32_t> owners(size_t(n_cells), -1); // the prompt whose own row lies there
    size_t n_tokens = 0;
    for (const prefix_cache::entry & entry : prefixes.entries()) {
        n_tokens += entry.source.tokens.size();
        if (index.prompts.size() == session_limits::n_prompts || n_tokens > session_limits::n_tokens) {
            return;
        }
        session_prompt prompt{entry.source};
        // what is shared is shared from the first position on
        while (prompt.n_own() > 0 && owners[size_t(entry.cells[prompt.n_shared])] >= 0) {
            prompt.parent = owners[size_t(entry.cells[prompt.n_shared])];
            prompt.n_shared++;
        }
        for (int32_t pos = prompt.n_shared; pos < entry.cells.size(); pos++) {
            owners[size_t(entry.cells[pos])] = int32_t(index.prompts.size());
            cells.self.push_back(entry.cells[pos]);
        }
        if (prompt.n_own() > 0) {
            index.prompts.push_back(std::move(prompt));
        }
    }
}

void collect_images(context & c, session_index & index, session_cells & cells) {
    for (const cross_cache::known_image & image : c.cross().known_images()) {
        index.images.push_back(image.key);
        for (int64_t row = 0; row < c.get_model().hp.vision.n_rows(); row++) {
            cells.cross.push_back(c.cross().first_cell(image.slot) + row);
        }
    }
}

std::string checksum_of(const session_part & part, const std::vector<int64_t> & cells,
                        const stop_function & should_stop) {
    checksum sum;
    for_each_chunk(part, part.n_rows, should_stop, [&](int64_t first, int64_t n) {
        const std::vector<char> rows = read_cells(part, cells, first, n);
        if (!ggml_validate_row_data(part.cache->type, rows.data(), rows.size())) {
            throw error(error_code::model_output,
                        "the caches hold NaN or infinity, which the model computed: a session "
                        "can be saved after they are cleared");
        }
        sum.add(rows.data(), rows.size());
    });
    return sum.text();
}

} // namespace

session_counts save_session(const std::string & path, context & c, const prefix_cache & prefixes,
                            const stop_function & should_stop) {
    session_index index;
    session_cells cells;
    collect_prompts(prefixes, c.self().n_cells(), index, cells);
    collect_images(c, index, cells);
    const std::vector<session_part> parts = parts_of(c, index);
    std::vector<tensor_plan> plan;
    for (const session_part & part : parts) {
        index.checksums.push_back(checksum_of(part, cells.of(part), should_stop));
        plan.push_back({part.name, tensor_type_name(part.cache->type), {part.cache->ne[0], part.n_rows}});
    }
    go_on_unless(should_stop);
    gguf_writer writer(path, to_metadata(index, owner_of(c)), plan, 1);
    for (size_t i = 0; i < parts.size(); i++) {
        for_each_chunk(parts[i], parts[i].n_rows, should_stop, [&](int64_t first, int64_t n) {
            const std::vector<char> rows = read_cells(parts[i], cells.of(parts[i]), first, n);
            writer.write_stored(i, reinterpret_cast<const uint8_t *>(rows.data()), rows.size());
        });
    }
    writer.finish();
    return {int32_t(index.prompts.size()), int32_t(cells.self.size()), int32_t(index.images.size())};
}

// --- loading ---------------------------------------------------------------------------------------------------------

namespace {

gguf_file open_session(const std::string & path) {
    try {
        return gguf_file(path);
    } catch (const error & e) {
        throw e.code() == error_code::model_not_found ? error(error_code::io, e.what()) : e;
    }
}

void check_shapes(const gguf_file & file, const std::vector<session_part> & parts, const session_index & index) {
    if (file.tensors().size() != parts.size() || index.checksums.size() != parts.size()) {
        file.fail(format("the session has %zu tensors and %zu checksums, expected %zu", file.tensors().size(),
                         index.checksums.size(), parts.size()));
    }
    for (const session_part & part : parts) {
        const gguf_tensor * stored = file.find_tensor(part.name);
        const decltype(stored->ne) expected{part.cache->ne[0], part.n_rows, 1, 1};
        if (stored == nullptr || stored->type != part.cache->type || stored->ne != expected) {
            file.fail(format("the tensor \"%s\" of the session is missing, or not %s [%lld, %lld]", part.name.c_str(),
                             ggml_type_name(part.cache->type), (long long) expected[0], (long long) expected[1]));
        }
    }
}

std::vector<char> read_rows(const gguf_file & file, const session_part & part, int64_t first, int64_t n) {
    std::vector<char> rows(size_t(n) * part.row_bytes());
    file.read(file.find_tensor(part.name)->offset + size_t(first) * part.row_bytes(), rows.data(), rows.size());
    // no mask keeps NaN from the rows of others
    if (!ggml_validate_row_data(part.cache->type, rows.data(), rows.size())) {
        file.fail(format("the tensor \"%s\" of the session holds NaN or infinity", part.name.c_str()));
    }
    return rows;
}

void check_rows(const gguf_file & file, const session_part & part, const std::string & expected,
                const stop_function & should_stop) {
    checksum sum;
    for_each_chunk(part, part.n_rows, should_stop, [&](int64_t first, int64_t n) {
        const std::vector<char> rows = read_rows(file, part, first, n);
        sum.add(rows.data(), rows.size());
    });
    if (sum.text() != expected) {
        file.fail(
            format("the session is damaged: the checksum of its tensor \"%s\" is wrong; remove the file, and save "
                   "a new one",
                   part.name.c_str()));
    }
}

/** Room in the caches for a session. Until it is kept, nobody finds anything there. */
class session_room {
  public:
    session_room(const session_index & index, context & c, prefix_cache & prefixes)
        : index_(index), context_(c), prefixes_(prefixes) {
        take_cells();
        take_slots();
    }

    /** The last used image is released last. */
    ~session_room() {
        for (auto slot = slots_.rbegin(); slot != slots_.rend(); ++slot) {
            context_.cross().release(*slot);
        }
    }

    session_room(const session_room &)             = delete;
    session_room & operator=(const session_room &) = delete;

    const session_cells & cells() const { return cells_; }

    /** All rows were written: requests may begin with them. */
    session_counts keep() {
        const session_counts counts{int32_t(lists_.size()), int32_t(cells_.self.size()), int32_t(slots_.size())};
        for (; !lists_.empty(); lists_.pop_back()) {
            prefixes_.keep(index_.prompts[lists_.size() - 1].source, std::move(lists_.back()));
        }
        for (const int32_t slot : slots_) {
            context_.cross().commit(slot);
        }
        return counts;
    }

  private:
    /** The prompt for which the cells do not suffice is cut, and those after it are left out. */
    void take_cells() {
        cell_pool & pool = context_.self().cells();
        prefixes_.make_room(index_.n_rows());
        for (const session_prompt & prompt : index_.prompts) {
            const auto n_own = int32_t(std::min<int64_t>(prompt.n_own(), pool.n_free()));
            if (n_own == 0) {
                break;
            }
            lists_.push_back(prompt.n_shared > 0 ? lists_[size_t(prompt.parent)].share(prompt.n_shared)
                                                 : cell_list(pool));
            cell_list & cells = lists_.back();
            cells.grow(n_own);
            for (int32_t pos = prompt.n_shared; pos < cells.size(); pos++) {
                cells_.self.push_back(cells[pos]);
            }
        }
    }

    /** An image that is here already only counts as used. */
    void take_slots() {
        cross_cache & cross  = context_.cross();
        const int64_t n_rows = context_.get_model().hp.vision.n_rows();
        const size_t n_most  = std::min(index_.images.size(), size_t(cross.n_slots()));
        slots_.reserve(n_most); // what is taken must be given back, whatever fails
        cells_.cross.reserve(n_most * size_t(n_rows));
        for (const std::string & key : index_.images) {
            const auto slots = cross.acquire({key});
            if (!slots) {
                break;
            }
            const int32_t slot = slots_.emplace_back(slots->front());
            for (int64_t row = 0; row < n_rows; row++) {
                cells_.cross.push_back(cross.is_ready(slot) ? -1 : cross.first_cell(slot) + row);
            }
        }
    }

    const session_index & index_;
    context & context_;
    prefix_cache & prefixes_;
    session_cells cells_;
    std::vector<cell_list> lists_; // of the prompts
    std::vector<int32_t> slots_;   // of the images
};

} // namespace

session_counts load_session(const std::string & path, context & c, prefix_cache & prefixes,
                            const stop_function & should_stop) {
    const gguf_file file      = open_session(path);
    const session_index index = read_session_index(file, owner_of(c), prefixes.rule(), c.get_model().hp.n_embd_rows);
    const std::vector<session_part> parts = parts_of(c, index);
    check_shapes(file, parts, index);
    for (size_t i = 0; i < parts.size(); i++) {
        check_rows(file, parts[i], index.checksums[i], should_stop);
    }
    session_room room(index, c, prefixes);
    for (const session_part & part : parts) {
        const std::vector<int64_t> & cells = room.cells().of(part);
        for_each_chunk(part, int64_t(cells.size()), should_stop, [&](int64_t first, int64_t n) {
            const std::vector<char> rows = read_rows(file, part, first, n);
            for_each_run(cells, first, n, [&](int64_t row, int64_t cell, int64_t n_run) {
                ggml_backend_tensor_set(part.cache, rows.data() + size_t(row - first) * part.row_bytes(),
                                        size_t(cell) * part.row_bytes(), size_t(n_run) * part.row_bytes());
            });
        });
    }
    return room.keep();
}

} // namespace bllossom
